"""Consumer complaints in; answers that a person has decided, and two people where much is at stake, out."""
