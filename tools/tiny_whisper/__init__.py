"""How the tests' tiny Whisper is made: what it may hear, how it is spoken, how it learns."""
