"""The hooks: ways in which an action reaches the system that carries it out. A new one is one file with `HOOK`."""
