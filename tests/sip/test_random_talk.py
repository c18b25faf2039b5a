"""A caller and a person who say anything in any order: nothing falls, each is told once that it is over, nothing is left."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from pipeline.sip.outgoing import OutgoingCall
from pipeline.sip.ports import CallOver, MediaRefused
from pipeline.telemetry.events import Event, set_sink
from tests.sip.rig import TLS, UDP, Rig
from tests.sip.shapes import SDP, Peer, Said, reply_to
from tests.sip.test_outgoing import ANSWER, CONTACT, PERSON, WAY, HeardDial

TARGET = "sip:+12025550100@carrier.example.com"
TIMERS: tuple[tuple[str, ...], ...] = (
    (),
    ("Session-Expires: 180;refresher=uas", "Supported: timer", "Allow: INVITE, UPDATE"),
    ("Session-Expires: 180;refresher=uas", "Supported: timer", "Allow: INVITE"),
    ("Session-Expires: 90", "Supported: timer", "Allow: INVITE, UPDATE"),
    ("Session-Expires: 3600",),
)
STATUSES = (100, 180, 200, 200, 200, 202, 401, 403, 408, 422, 481, 486, 487, 491, 500, 503)
FORGOTTEN_MS = 120_000.0
"""Our last word is tried for 32 s, and what it was the last word to for as long again."""


@pytest.fixture
def faults() -> Iterator[list[Event]]:
    """What broke the calculation, and was contained."""
    found: list[Event] = []
    set_sink(lambda one: found.append(one) if type(one).__name__ == "TrunkFault" else None)
    yield found
    set_sink(None)


class Walk:
    """One call of a caller, and mostly one of ours beside it."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        path = self.draw.choice([UDP, TLS])
        self.rig = Rig(path=path)
        self.peer = Peer(extra=self.draw.choice(TIMERS), transport=path.transport.upper())
        self.heard: list[bytes] = []
        self.asked: list[Said] = []
        """Requests of ours that the other side may answer."""
        self.person = HeardDial()
        self.second: OutgoingCall | None = None
        if self.draw.random() < 0.5:
            self.second = self.rig.exchange.dial(
                "carrier", PERSON, self.rig.media, "", WAY, self.person
            )
        self._listen(self.rig.taken())
        self._hear(self.peer.invite(self.draw.choice([SDP, SDP, ""])))

    def step(self) -> None:
        """Something happens."""
        rig, peer, draw = self.rig, self.peer, self.draw
        rig.exchange.run(rig.now_ms)
        call = rig.calls[0]
        often: tuple[Callable[[], object], ...] = (
            lambda: call.accept(rig.media),
            lambda: self._hear(peer.ack(draw.choice(["", SDP]))),
            lambda: self._hear(peer.invite(draw.choice(["", SDP]))),
            lambda: self._hear(peer.request("UPDATE", draw.choice(["", SDP]))),
            lambda: self._hear(peer.request("INFO", "5", kind="application/dtmf")),
            lambda: call.refer(TARGET),
            self._notify,
            self._answer,
            self._answer,
            lambda: self._listen(rig.wait(draw.choice([10, 500, 4_000, 33_000, 90_000]))),
            lambda: self._hear(draw.choice(self.heard)),
            lambda: setattr(rig.media, "refuses", draw.choice(["", "", "no_codec"])),
        )
        seldom: tuple[Callable[[], object], ...] = (
            lambda: self._hear(peer.cancel()),
            lambda: self._hear(peer.request("BYE")),
            call.hang_up,
            lambda: call.reject(486),
            lambda: self.second.hang_up() if self.second is not None else None,
        )
        try:
            draw.choice(often if draw.random() < 0.95 else seldom)()
        except (CallOver, MediaRefused):  # told to whoever asks for what cannot be any more
            pass
        self._listen(rig.taken())

    def end(self) -> None:
        """The gateway stops, and nobody answers it."""
        self.rig.exchange.run(self.rig.now_ms)
        self.rig.exchange.hang_up_all()
        self.rig.wait(FORGOTTEN_MS)

    def _hear(self, data: bytes) -> None:
        self.heard.append(data)
        self._listen(self.rig.hear(data))

    def _listen(self, said: list[Said]) -> None:
        for one in said:
            if one.method not in ("", "ACK"):
                self.asked.append(one)
            if one.status and not self.peer.to_tag:
                self.peer.to_tag = one.to_tag

    def _notify(self) -> None:
        draw = self.draw
        headers = (
            draw.choice(["Event: refer", "Event: refer;id=1", "Event: refer;id=2", "Event: x"]),
            f"Subscription-State: {draw.choice(['active', 'terminated'])}",
        )
        body = f"SIP/2.0 {draw.choice(STATUSES)} Said"
        self._hear(self.peer.request("NOTIFY", body, kind="message/sipfrag", headers=headers))

    def _answer(self) -> None:
        if not self.asked:
            return
        request = self.draw.choice(self.asked[-3:])
        status = self.draw.choice(STATUSES)
        more = [
            CONTACT,
            f"Session-Expires: {self.draw.choice([90, 600])};refresher=uac",
            "Min-SE: 300",
        ]
        tag = "p" if status > 100 and "tag=" not in request.one("To") else ""
        body = self.draw.choice(["", ANSWER])
        self._hear(
            reply_to(request, status, *more[: self.draw.randrange(4)], to_tag=tag, body=body)
        )


def walked(seeds: range, faults: list[Event]) -> None:
    for seed in seeds:
        walk = Walk(seed)
        for _ in range(walk.draw.randrange(5, 60)):
            walk.step()
        walk.end()
        exchange = walk.rig.exchange
        assert faults == [], seed
        assert walk.rig.empty, seed
        assert exchange.admission.calls == 0, seed
        assert exchange.next_ms() is None, seed
        assert {len(one.over) for one in walk.rig.heard} == {1}, seed
        assert len(walk.person.over) + len(walk.person.failed) == (walk.second is not None), seed


def test_whatever_is_said_in_whatever_order_leaves_nothing(faults: list[Event]) -> None:
    walked(range(400), faults)


@pytest.mark.long
def test_whatever_is_said_in_whatever_order_leaves_nothing_ten_thousand_times(
    faults: list[Event],
) -> None:
    walked(range(400, 10_400), faults)
