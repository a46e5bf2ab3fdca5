"""Wiring only: Airflow calls the same functions of a day that the command line calls."""
