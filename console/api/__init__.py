"""What other systems ask and tell us. One file, one ROUTER whose routes say which scope a token needs."""
