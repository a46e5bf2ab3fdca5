"""Pages and addresses for those who do not sign in; each brings a proof of its own. One file, one ROUTER."""
