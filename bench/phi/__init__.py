"""A labelled set of identifiers, and how redactors fare on it."""
