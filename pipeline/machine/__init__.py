"""The machine the server runs on, as row C10 asks about it: what was read of it, and what that means."""
