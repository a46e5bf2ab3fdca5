"""Speed, scale and quality, each beside its peers."""
