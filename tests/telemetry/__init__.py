"""Tests of pipeline.telemetry."""
