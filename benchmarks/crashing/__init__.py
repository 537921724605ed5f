"""What the crash test is made of: a stack whose parts can be struck, the strikes, and the counting."""
