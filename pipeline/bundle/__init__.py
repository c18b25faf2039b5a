"""Models as sets of files that are what was fetched: their list, where they lie, whether one has changed. No network."""
