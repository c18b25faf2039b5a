"""Turn-taking: tables of events, properties of the floor, and scenes of real audio."""
