"""What can go wrong with the store, as a code for the log and a sentence for the operator.

StartUpError
└── StoreFault            `reason` is a short token; the message says what to do and quotes no content
    ├── StoreBusy         locked, full, unreachable: it may work again by itself
    │   └── ScrubOwed     destroyed, but its bytes have not left the file yet
    ├── KeyFault          no key, the wrong key, a key others can read
    └── RequestGone       a request that is not there (any more), or may not be changed now
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.errors import StartUpError

_NAMED_MAX: Final = 20


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


class ScrubOwed(StoreBusy):
    """What was destroyed has left every view but not the file: somebody reads an earlier view."""

    code = "scrub_owed"


class KeyFault(StoreFault):
    """The install key is missing, wrong or unsafe."""

    code = "key_fault"


class RequestGone(StoreFault):
    """Nothing there to read or to change."""

    code = "request_gone"


def do_not_open(ids: Sequence[str]) -> str:
    """Names damaged requests, and the ways on."""
    more = f" and {len(ids) - _NAMED_MAX} more" if len(ids) > _NAMED_MAX else ""
    return (
        f"{len(ids)} of the requests do not open, because their rows were changed or damaged, or the key they need is not"
        f" here: {', '.join(ids[:_NAMED_MAX])}{more}. All others are whole. An earlier copy may have them whole;"
        " what is here of one can be destroyed with `wardline requests delete ID`"
    )
