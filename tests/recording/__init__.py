"""Tests of consent and recording."""
