"""Any OpenAI-compatible chat server on loopback."""
