"""From features to flags: who is about to hit which trouble, how sure, and why."""
