"""The tools' calculations."""
