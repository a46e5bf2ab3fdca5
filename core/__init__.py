"""What every room stands on: errors, the clock, settings and the registry of one-file extensions."""
