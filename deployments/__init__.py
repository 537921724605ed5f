"""How Fulcrum is run: the command, the local stack, bootstrap."""
