"""Fetching models from a hub that misbehaves."""
