"""The scoreboard: how each process does against what was before, for its owner and for the company as a whole."""
