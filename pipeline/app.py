"""The composition root of a voice worker: the one file that names concrete engines."""
