"""What was read of a machine, and what that means."""
