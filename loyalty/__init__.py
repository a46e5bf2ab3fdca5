"""What came of it: outcomes and readings at 1, 6 and 18 months."""
