"""Hand-made features, one file each; the file's name is the feature's name."""
