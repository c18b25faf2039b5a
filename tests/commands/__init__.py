"""Tests of pipeline.commands."""
