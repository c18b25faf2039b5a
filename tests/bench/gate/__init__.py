"""The gate, on results that are made up, and on real runs."""
