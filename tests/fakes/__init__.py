"""Small fakes that keep the promises of the Protocols."""
