"""The process that owns the listening socket, the workers and their output."""
