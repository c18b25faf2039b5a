"""Whether a caller's number stands anywhere in what was written, in any of the disguises that the canary knows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.canary.search import Hit, Search

LOCAL_DIGITS, NATIONAL_DIGITS = 7, 10


def found(number: str, written: Mapping[str, bytes]) -> list[Hit]:
    """Where the number is, whole or without what a local caller would not dial."""
    digits = re.sub(r"\D", "", number)
    texts = {
        "number": digits,
        "national": digits[-NATIONAL_DIGITS:],
        "local": digits[-LOCAL_DIGITS:],
    }
    return Search(texts).look(written)
