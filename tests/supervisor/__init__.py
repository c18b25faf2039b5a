"""Tests of pipeline.supervisor."""
