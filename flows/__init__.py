"""One folder a process, and the flows that run the operation itself."""
