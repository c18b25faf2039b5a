"""Engines without a model: they answer what is written down, after times that are written down. For measuring alone."""
