"""Engines that hear, think and speak, behind the Protocols of `models.ports`."""
