"""The parts of `python -m bench.detection`, one a question."""
