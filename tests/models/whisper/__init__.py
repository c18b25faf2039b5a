"""Streaming faster-whisper: its calculations, the shared engine on the virtual clock, and the tiny model for real."""
