"""The calculations of `phi`."""
