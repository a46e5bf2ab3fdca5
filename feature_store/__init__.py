"""From raw facts to one row per customer as of a day: pull, gate, lake, features."""
