"""Engines with another beside them, killed in mid-utterance and in mid-clause."""
