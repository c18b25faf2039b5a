"""Tests of pipeline.call."""
