"""The command `beforehand`, one file a verb."""
