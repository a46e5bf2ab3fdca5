"""A made subscription company with known truth, to try everything on."""
