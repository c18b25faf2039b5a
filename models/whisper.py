"""faster-whisper from a local directory."""
