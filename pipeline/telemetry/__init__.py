"""Declared events and marks: what the server may say about itself."""
