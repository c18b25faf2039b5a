"""The telephone gateway: calls of a SIP trunk, in a process of its own."""
