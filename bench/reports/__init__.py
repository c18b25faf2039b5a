"""What a result file says, for people: a table for the terminal, one page for a browser, a picture for the README."""
