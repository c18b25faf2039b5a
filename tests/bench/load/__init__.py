"""Many callers at once, their doors, and what is made of their notes."""
