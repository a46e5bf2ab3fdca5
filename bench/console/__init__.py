"""How fast every page is, with a million customers and twenty readers: `python -m bench.console`."""
