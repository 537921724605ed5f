"""The flows that run the operation itself."""
