"""Engines: hearing, thinking, speaking."""
