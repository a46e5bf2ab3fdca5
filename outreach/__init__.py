"""What we do about a flag: review, gate, hold out, plan, compose, send."""
