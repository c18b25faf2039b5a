"""Tests of what hides, keeps and proves: `phi`."""
