"""Where facts come from: readers of files and databases, and the mapping of their columns to ours."""
