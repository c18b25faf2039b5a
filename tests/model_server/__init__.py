"""Tests of pipeline.model_server."""
