"""smart-turn v3.2: an acoustic guess whether the caller has finished."""
