"""The ledger's migrations; `make migration M=\"Add the notes\"` writes the next one from what the tables now say."""
