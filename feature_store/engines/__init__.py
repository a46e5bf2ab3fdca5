"""How a set of features is computed; every engine gives the same numbers."""
