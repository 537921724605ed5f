"""The same work done in several ways, each a script that prints when its first case began and its last ended."""
