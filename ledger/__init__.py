"""What was decided and done, one noun a table, one table a file."""
