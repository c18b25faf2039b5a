"""The numbers for Prometheus: declared, counted from events, written."""
