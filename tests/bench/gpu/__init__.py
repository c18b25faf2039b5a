"""The bench of a card, as far as it goes without one."""
