"""The telephone gateway's rooms: signalling, media, and what joins them."""
