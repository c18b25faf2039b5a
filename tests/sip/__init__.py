"""The telephone gateway: signalling, sound, and what joins them to a worker."""
