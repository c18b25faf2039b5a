"""Tests of the redactor; every name, number and address in them is invented."""
