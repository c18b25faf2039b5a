"""Fetches models from a hub or its mirror: the only room that knows an address outside. Nothing that serves imports it."""
