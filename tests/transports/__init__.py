"""Tests of `pipeline.transports`."""
