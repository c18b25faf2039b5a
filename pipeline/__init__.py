"""The voice server: transports, turn-taking, the call, and the supervisor that keeps them alive."""
