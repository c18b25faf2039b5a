"""Where this server's packets may go, what stops all others, and the test that tries."""
