"""Embedded recogniser: PocketSphinx in child processes, because it holds the interpreter lock."""
