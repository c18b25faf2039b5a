"""What can go wrong with the store, as a code for the log and a sentence for the operator.

StartUpError
└── StoreFault            `reason` is a short token; the message says what to do and quotes no content
    ├── StoreBusy         locked, full, unreachable: it may work again by itself
    ├── KeyFault          no key, the wrong key, a key others can read
    └── RequestGone       a request that is not there (any more), or may not be changed now
"""

from __future__ import annotations

from pipeline.errors import StartUpError


class StoreFault(StartUpError):
    """The store cannot be used as it is."""

    code = "store_fault"

    def __init__(self, reason: str, message: str) -> None:
        """Keep the token beside the sentence."""
        super().__init__(message)
        self.reason = reason


class StoreBusy(StoreFault):
    """Trying again later may help."""

    code = "store_busy"


class KeyFault(StoreFault):
    """The install key is missing, wrong or unsafe."""

    code = "key_fault"


class RequestGone(StoreFault):
    """Nothing there to read or to change."""

    code = "request_gone"
