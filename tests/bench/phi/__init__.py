"""The labelled set's scorer and its command."""
