"""Sound as arithmetic: jitter, resampling, playout. No framework frames."""
