"""Engines without a model."""
