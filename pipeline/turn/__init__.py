"""Turn-taking as a calculation: events and times in, actions out. No I/O, clock or framework."""
