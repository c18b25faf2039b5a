"""Doors a caller comes in by: bytes become 20 ms of PCM, and PCM becomes bytes."""
