"""Tests of the two pages, driven in Chromium."""
