"""A Piper voice from a local directory."""
