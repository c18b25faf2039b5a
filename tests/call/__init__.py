"""Tests of one call: listen, think, speak, ledger, graph, session."""
