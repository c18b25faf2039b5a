"""Programs for those who work on the server, not part of it."""
