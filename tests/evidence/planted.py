"""Planted values and the forms in which they hide in a file: what no folder for an auditor may hold."""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Iterable, Mapping

_SEPARATORS = re.compile(rb"[\s()./:-]")


def forms(values: Iterable[str]) -> set[bytes]:
    """Each value plain, in other capitals, encoded, and inside something longer that was encoded."""
    found = set[bytes]()
    for value in values:
        for text in {value, value.lower(), value.upper()}:
            raw = text.encode()
            found |= {raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1]}
            found |= {text.encode("utf-16-le"), text.encode("utf-16-be")}
            found |= {urllib.parse.quote(text, safe="").encode(), ascii(text)[1:-1].encode()}
            for shift in range(3):  # base64 begins at any of three places
                coded = base64.b64encode(b"\0" * shift + raw)
                found.add(coded[4 if shift else 0 : -4])
    assert all(len(form) >= 4 for form in found)
    return found


def found_in(files: Mapping[str, bytes], needles: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Where a needle stands, also with spaces and dashes between."""
    wanted = list(needles)
    hits = []
    for name, data in files.items():
        bare = _SEPARATORS.sub(b"", data)
        hits += [(name, needle) for needle in wanted if needle in data or needle in bare]
    return hits
