"""The signalling calculation with a caller beside it: messages in, messages out, time as a number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from pipeline.sip.exchange import Exchange
from pipeline.sip.incoming import IncomingCall
from pipeline.sip.paths import Path
from pipeline.sip.ports import CallMedia, MediaRefused, TransferOutcome, TrunkCall
from pipeline.sip.settings import Listen, SignallingSettings, TrunkSettings
from pipeline.sip.transactions import Way
from tests.sip.shapes import Peer, Said, said

ANSWER = b"v=0\r\nanswer\r\n"
OFFER = b"v=0\r\noffer\r\n"
UDP = Path("udp", "127.0.0.1", 5060, "127.0.0.1", 5070)
TLS = Path("tls", "127.0.0.1", 40_001, "127.0.0.1", 5061, 1)
LOCAL = TrunkSettings("carrier", ("127.0.0.0/8",), transports=("udp", "tcp", "tls"))


def settings(**more: object) -> SignallingSettings:
    values: dict[str, object] = {
        "listen": (Listen("udp", "127.0.0.1", 0),),
        "trunks": (LOCAL,),
        "calls_per_s": 0.0,
    }
    return SignallingSettings(**(values | more))  # type: ignore[arg-type]  # by name, as they are


@dataclass
class FakeMedia:
    """Keeps what it was told; refuses when asked to."""

    refuses: str = ""
    offers: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def answer(self, offer: bytes) -> bytes:
        self.offers.append(offer)
        if self.refuses:
            raise MediaRefused(self.refuses)
        return ANSWER

    def offer(self) -> bytes:
        return OFFER

    def accept(self, answer: bytes) -> None:
        self.answers.append(answer)
        if self.refuses:
            raise MediaRefused(self.refuses)

    def on_info_key(self, key: str) -> None:
        self.keys.append(key)


@dataclass
class Heard:
    """What a listener was told."""

    up: int = 0
    refused: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    outcomes: list[TransferOutcome] = field(default_factory=list)
    refreshes_refused: list[tuple[int, int]] = field(default_factory=list)

    def on_up(self) -> None:
        self.up += 1

    def on_refused(self, reason: str) -> None:
        self.refused.append(reason)

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        self.refreshes_refused.append((status, tries_left))

    def on_over(self, reason: str) -> None:
        self.over.append(reason)

    def on_transfer(self, outcome: TransferOutcome) -> None:
        self.outcomes.append(outcome)


class Rig:
    """One exchange, its calls, and everything it sent."""

    def __init__(
        self,
        options: SignallingSettings | None = None,
        path: Path = UDP,
        may_ring: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.path = path
        self.ways: list[Way] = []
        self.unread: list[Said] = []
        self.calls: list[IncomingCall] = []
        self.heard: list[Heard] = []
        self.media = FakeMedia()
        numbers = count(1)
        self.exchange = Exchange(
            options or settings(), self._send, lambda: f"{next(numbers):020x}", may_ring, self._ring
        )
        self.now_ms = 0.0

    def _send(self, data: bytes, way: Way) -> None:
        self.ways.append(way)
        self.unread.append(said(data))

    def _ring(self, call: IncomingCall) -> None:
        self.heard.append(Heard())
        call.listener = self.heard[-1]
        self.calls.append(call)

    def hear(self, data: bytes, path: Path | None = None) -> list[Said]:
        """Let a message in; returns what that made the server say."""
        self.exchange.run(self.now_ms)
        self.exchange.receive(data, path or self.path)
        return self.taken()

    def wait(self, ms: float) -> list[Said]:
        """Let time pass; returns what was said meanwhile."""
        self.now_ms += ms
        self.exchange.run(self.now_ms)
        return self.taken()

    def taken(self) -> list[Said]:
        unread, self.unread = self.unread, []
        return unread

    def ring(self, peer: Peer, body: str | None = None) -> Said:
        """A call that rings; returns the 180."""
        [ringing] = self.hear(peer.invite() if body is None else peer.invite(body))
        assert ringing.status == 180
        return ringing

    def answer(self, peer: Peer, media: CallMedia | None = None) -> Said:
        """A call that was rung and is answered; returns the 200."""
        self.exchange.run(self.now_ms)
        self.calls[-1].accept(media or self.media)
        [ok] = self.taken()
        assert ok.status == 200
        peer.to_tag = ok.to_tag
        return ok

    def talk(self, peer: Peer) -> Said:
        """A call that stands; returns its 200."""
        self.ring(peer)
        ok = self.answer(peer)
        assert self.hear(peer.ack()) == []
        assert self.heard[-1].up == 1
        return ok

    @property
    def empty(self) -> bool:
        exchange = self.exchange
        return not exchange.calls and not len(exchange.station.transactions)


class Taker:
    """A call taker on the event loop: answers each call with a media of its own, and stays until it is over."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self.busy_s: int | None = None
        self.calls: list[TrunkCall] = []
        self.media: list[FakeMedia] = []
        self.reasons: list[str] = []
        self.rang = asyncio.Event()
        self.up = asyncio.Event()

    def may_ring(self) -> int | None:
        return self.busy_s

    async def take(self, call: TrunkCall) -> None:
        self.calls.append(call)
        self.rang.set()
        if self.answers:
            media = FakeMedia()
            self.media.append(media)
            await call.accept(media)
            self.up.set()
        self.reasons.append(await call.over())
