"""Many callers at once, on a schedule that does not wait for the server, and what they measure."""
