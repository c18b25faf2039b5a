"""Places that are scarce, so divided that no trunk takes another's and no address all of its trunk's. Arithmetic."""

from __future__ import annotations

from collections import Counter

ADDRESS_PART = 2
"""One address holds at most this part of its trunk's places: carriers call from several, and one of them may be forged
or broken into."""


class Shares:
    """Places of one kind: connections, handshakes, requests that are remembered."""

    def __init__(self, places: int, trunks: int) -> None:
        """`places` for all trunks together; each has the same part, used or not."""
        self._of_trunk = max(places // max(trunks, 1), 1)
        self._of_address = max(self._of_trunk // ADDRESS_PART, 1)
        self._trunks: Counter[str] = Counter()
        self._addresses: Counter[tuple[str, str]] = Counter()

    def take(self, trunk: str, host: str) -> bool:
        """Whether a place was free for this address of this trunk; it is taken then."""
        key = (trunk, host)
        if self._trunks[trunk] >= self._of_trunk or self._addresses[key] >= self._of_address:
            return False
        self._trunks[trunk] += 1
        self._addresses[key] += 1
        return True

    def give_back(self, trunk: str, host: str) -> None:
        """One place is free again."""
        key = (trunk, host)
        self._trunks[trunk] -= 1
        self._addresses[key] -= 1
        if not self._addresses[key]:  # an address that is gone leaves nothing
            del self._addresses[key]
