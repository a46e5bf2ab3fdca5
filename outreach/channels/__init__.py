"""The only code that talks to a provider, one file a channel."""
