"""Where packets may go, and what is tried to send them elsewhere."""
