"""Templates, people and renderings from which the labelled set of identifiers is made."""
