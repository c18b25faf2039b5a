"""The subcommands of `wardline`, one module each."""
