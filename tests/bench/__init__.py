"""The caller and its measurements."""
