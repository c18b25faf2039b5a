"""Tests of `phi`; every name, number and address in them is invented."""
