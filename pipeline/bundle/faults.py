"""What can be wrong with a bundle; each sentence names the file or folder and what to do."""

from __future__ import annotations

from pipeline.errors import StartUpError


class BundleFault(StartUpError):
    """A bundle cannot be fetched, packed, used or trusted; `reason` is a token that is safe to log."""

    code = "bundle_fault"

    def __init__(self, reason: str, message: str) -> None:
        """Name the kind of fault and say what to do."""
        super().__init__(message)
        self.reason = reason
