"""Callers and measurements on the public doors only."""
