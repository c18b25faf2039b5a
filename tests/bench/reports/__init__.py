"""Reports, on results that are made up."""
