"""Call tokens and open calls: what a caller must show to place, keep and end a call.

Secrets are kept as SHA-256 digests and looked up by digest, so that neither a memory image of the table nor
the time of a comparison gives one away. Time is an argument. It refuses to know who the caller is.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.errors import NotAuthorised, TooMany
from pipeline.secret import digest_of

TOKEN_LIFE_MS = 60_000.0
"""From pressing Call to the offer takes a second or two; a minute forgives a slow microphone prompt."""

TOKENS_MAX = 1024
"""Outstanding tokens of all callers; each is gone after a minute."""

ENDED_KEPT_MS = 60_000.0
"""A page that asks about a call that has just ended is told how it ended."""

SECRET_CHARACTERS_MAX = 128


T = TypeVar("T")


class SingleUse(Generic[T]):
    """Secrets that are good once and for a while, each for one thing."""

    def __init__(self, life_ms: float = TOKEN_LIFE_MS) -> None:
        """No token is out."""
        self._life_ms = life_ms
        self._out: OrderedDict[bytes, tuple[T, float]] = OrderedDict()

    def mint(self, what: T, now_ms: float, prefix: str = "") -> str:
        """A new token for this; raises `TooMany`."""
        self._forget(now_ms)
        if len(self._out) >= TOKENS_MAX:
            raise TooMany("Too many calls are being placed; try again soon.", retry_after_s=5)
        token = f"{prefix}{secrets.token_urlsafe(24)}"
        self._out[digest_of(token)] = (what, now_ms + self._life_ms)
        return token

    def check(self, token: str, now_ms: float) -> None:
        """Raise `NotAuthorised` unless `redeem` would accept it; does not use it up."""
        entry = self._out.get(digest_of(token)) if len(token) <= SECRET_CHARACTERS_MAX else None
        if entry is None or entry[1] <= now_ms:
            raise NotAuthorised("The call token is unknown, used or older than a minute.")

    def redeem(self, token: str, now_ms: float) -> T:
        """Use the token up and return what it is for."""
        self.check(token, now_ms)
        return self._out.pop(digest_of(token))[0]

    def outstanding(self, now_ms: float) -> list[T]:
        """What tokens are out for."""
        self._forget(now_ms)
        return [what for what, _ in self._out.values()]

    def _forget(self, now_ms: float) -> None:
        while self._out and next(iter(self._out.values()))[1] <= now_ms:
            self._out.popitem(last=False)


class CallTokens(SingleUse[str]):
    """Those of pages, each naming its worker."""

    def mint(self, what: str, now_ms: float, prefix: str = "") -> str:
        """A new token for a call at this worker."""
        return super().mint(what, now_ms, prefix or f"{what}.")

    def waiting(self, now_ms: float) -> Counter[str]:
        """How many tokens are out for each worker."""
        return Counter(self.outstanding(now_ms))


@dataclass(slots=True, eq=False)
class OpenCall:
    """A call between its offer and a minute after its end."""

    call_id: str
    worker: str
    address: str = ""
    """Whom it counts against (`limits.counted_as`)."""
    connected: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    worker_lost: bool = False
    ended_at_ms: float = 0.0
    streams: int = 0


class OpenCalls:
    """Calls by their key (the caller's secret) and by their id (ours)."""

    def __init__(self) -> None:
        """No call is open."""
        self._by_key: dict[bytes, OpenCall] = {}
        self._by_id: dict[str, OpenCall] = {}

    def __len__(self) -> int:
        """Calls that have not ended."""
        return sum(not call.ended.is_set() for call in self._by_id.values())

    def open(self, worker: str, now_ms: float, address: str = "") -> tuple[OpenCall, str]:
        """A new call and its key."""
        self._forget(now_ms)
        call = OpenCall(call_id=f"c{secrets.token_hex(6)}", worker=worker, address=address)
        key = secrets.token_urlsafe(24)
        self._by_key[digest_of(key)] = call
        self._by_id[call.call_id] = call
        return call, key

    def held_by(self, address: str) -> tuple[int, int]:
        """How many calls this address has, and how many of them are not connected yet."""
        going_on = (c for c in self._by_id.values() if not c.ended.is_set())
        held = [c for c in going_on if c.address == address]
        return len(held), sum(not c.connected for c in held)

    def by_key(self, key: str) -> OpenCall:
        """The call of this key, ended or not; raises `NotAuthorised`."""
        call = self._by_key.get(digest_of(key)) if len(key) <= SECRET_CHARACTERS_MAX else None
        if call is None:
            raise NotAuthorised("The call key is unknown, or the call ended a while ago.")
        return call

    def by_id(self, call_id: str) -> OpenCall | None:
        """The call of this id, unless it has ended."""
        call = self._by_id.get(call_id)
        return None if call is None or call.ended.is_set() else call

    def connected(self, call_id: str) -> None:
        """The caller of this call is there: it is no mere offer any more."""
        if call := self.by_id(call_id):
            call.connected = True

    def end(self, call_id: str, now_ms: float, *, worker_lost: bool = False) -> bool:
        """The call is over; whoever waits on `ended` wakes. False when it already was."""
        call = self.by_id(call_id)
        if call is None:
            return False
        call.worker_lost = worker_lost
        call.ended_at_ms = now_ms
        call.ended.set()
        return True

    def of_worker(self, worker: str) -> list[OpenCall]:
        """Calls of this worker that have not ended."""
        return [c for c in self._by_id.values() if c.worker == worker and not c.ended.is_set()]

    def _forget(self, now_ms: float) -> None:
        for digest, call in list(self._by_key.items()):
            if call.ended.is_set() and now_ms - call.ended_at_ms > ENDED_KEPT_MS:
                del self._by_key[digest]
                del self._by_id[call.call_id]
