"""Tests of the folder an auditor is given."""
