"""Embedded voice: espeak-ng through ctypes, streaming, with word events."""
