"""The gateway calls a person itself: three telephones' signalling and sound over loopback, nothing of it played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from pipeline.line import Bye, Transfer
from pipeline.media.key_tone import key_tone
from pipeline.media.quality import LineQuality
from pipeline.sip.bridge import MOST_WAITING_MS, Relay
from pipeline.sip.desk import TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.phone_events import PhoneCallBridged, PhoneCallLed, PhoneCallOver
from pipeline.sip.ports import MediaLeg, NotReached, PersonCall, TransferOutcome, TrunkCall
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.settings import Listen, SignallingSettings, TrunkSettings
from pipeline.sip.trunk import Trunks
from pipeline.telemetry.events import Event, set_sink
from tests.fakes.echo_call import TaggedCall
from tests.ports import free_ports
from tests.sip.gateway_rig import FakeDesk, FakeLeg
from tests.sip.lines import udp_line
from tests.sip.shapes import Said, reply_to
from tests.transports.stream_rig import opened as door_opened

pytestmark = pytest.mark.wire

HOST = "127.0.0.1"
CALLER = "+12125550199"
RATE_HZ = 8_000
CALLERS_HZ, PERSONS_HZ = 500.0, 1_000.0
HEARD_MS = 400


@dataclass
class Ear:
    """Keeps what one end hears (`ports.AudioTaker`)."""

    leg: MediaLeg
    heard: bytearray = field(default_factory=bytearray)
    keys: list[str] = field(default_factory=list)

    def on_audio(self, pcm: bytes) -> None:
        self.heard += pcm

    def on_key(self, key: str) -> None:
        self.keys.append(key)

    def on_hold(self, held: bool) -> None: ...

    def on_played(self, mark: str) -> None: ...

    def on_silence(self) -> None: ...

    def on_fax(self) -> None: ...

    def on_quality(self, quality: LineQuality) -> None: ...

    def on_foreign(self) -> None: ...

    def tone_share(self) -> dict[float, float]:
        """How much of the last of it is each end's tone."""
        size = 2 * self.leg.sample_rate_hz * HEARD_MS // 1_000
        samples = np.frombuffer(bytes(self.heard[-size:]), "<i2").astype(np.float64)
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        at_hz = np.fft.rfftfreq(len(samples), 1 / self.leg.sample_rate_hz)
        total = max(float(power.sum()), 1.0)
        return {
            tone: float(power[np.abs(at_hz - tone) < 25.0].sum()) / total
            for tone in (CALLERS_HZ, PERSONS_HZ)
        }


def speak(leg: MediaLeg, tone_hz: float, seconds: float = 20.0) -> None:
    at_s = np.arange(int(leg.sample_rate_hz * seconds)) / leg.sample_rate_hz
    leg.flush()
    leg.play((6_000 * np.sin(2 * np.pi * tone_hz * at_s)).astype("<i2").tobytes())


class Person:
    """A telephone at the practice: answers, is busy, or lets it ring."""

    def __init__(self, new_leg: Callable[[], MediaLeg], does: str) -> None:
        self._new_leg, self._does = new_leg, does
        self.calls: list[TrunkCall] = []
        self.ears: list[Ear] = []
        self.reasons: list[str] = []

    def may_ring(self) -> int | None:
        return None

    async def take(self, call: TrunkCall) -> None:
        self.calls.append(call)
        if self._does == "busy":
            call.reject(486)
        elif self._does == "answers":
            leg = self._new_leg()
            try:
                await call.accept(leg)
                self.ears.append(Ear(leg))
                leg.attach(self.ears[-1])
                self.reasons.append(await call.over())
            finally:
                leg.close()
            return
        self.reasons.append(await call.over())


@dataclass
class Room:
    """A caller in a call with the worker, and a person who may be called."""

    worker: TaggedCall
    caller: PersonCall
    ear: Ear
    person: Person
    gateway: Trunks
    said: list[Event]
    another: Callable[[], Awaitable[PersonCall]]
    """One more call to the gateway, answered."""

    def ask(self) -> None:
        assert self.worker.leg is not None
        self.worker.leg.send(Transfer("desk"))

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.said if isinstance(event, kind)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # the state of other objects
            await asyncio.sleep(0.005)


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def trunks(name: str, **more: object) -> SignallingSettings:
    trunk = {"transports": ("udp",), "shown_number": more.pop("shown_number", "")}
    return SignallingSettings(
        listen=(Listen("udp", HOST, 0),),
        trunks=(TrunkSettings(name, ("127.0.0.0/8",), **trunk),),  # type: ignore[arg-type]  # by name
        **more,  # type: ignore[arg-type]  # the same
    )


@asynccontextmanager
async def talking(
    directory: Path,
    said: list[Event],
    does: str = "answers",
    desk: str = "",
    codecs: tuple[str, ...] = ("PCMU",),
    srtp: bool = False,
    bridges: bool = True,
    ring_ms: float = 30_000.0,
) -> AsyncIterator[Room]:
    """`desk`: another person's address; `codecs` are the person's."""
    first = free_ports(40)
    ports = RtpPorts(HOST, first, first + 39)

    def legs(*codecs: str) -> Callable[[], MediaLeg]:
        settings = RtpSettings(srtp_required=srtp, allowed_sources=("127.0.0.0/8",), codecs=codecs)
        return lambda: RtpLeg(settings, ports)

    async with AsyncExitStack() as house:
        door = await house.enter_async_context(door_opened(directory))
        person = Person(legs(*codecs), does)
        there = await house.enter_async_context(Trunks(trunks("pbx"), person))
        target = desk or f"sip:desk@{HOST}:{there.ports['udp']}"
        room = TrunkRoom(legs("PCMU", "PCMA", "G722"), {"desk": target}, bridges=bridges)
        gateway = Gateway(FakeDesk(door), {"carrier": room})
        here = await house.enter_async_context(
            Trunks(trunks("carrier", transfer_limit_ms=ring_ms, max_calls=1), gateway)
        )
        away = await house.enter_async_context(
            Trunks(trunks("network", shown_number=CALLER), Person(legs("PCMU"), "rings"))
        )

        async def called(leg: MediaLeg) -> PersonCall:
            house.callback(leg.close)
            call = await away.dial("network", f"sip:clinic@{HOST}:{here.ports['udp']}", leg)
            house.callback(call.hang_up)
            return call

        leg = legs("PCMU")()
        caller = await called(leg)
        ear = Ear(leg)
        leg.attach(ear)
        speak(leg, CALLERS_HZ)
        await until(lambda: bool(door.calls))
        another = lambda: called(legs("PCMU")())  # noqa: E731  # a name of one line
        yield Room(door.calls["c1"], caller, ear, person, here, said, another)


async def bridged(room: Room) -> Ear:
    """Until both hear each other; returns the person's ear."""
    room.ask()
    room.worker.speak(10.0)  # and goes on, as if nobody had answered
    await until(lambda: bool(room.person.ears))
    [there] = room.person.ears
    speak(there.leg, PERSONS_HZ)
    # the worker is told, ends its call as it does, and is gone while the two go on
    await until(lambda: room.worker.outcomes == [(TransferOutcome.CONNECTED, "desk")])
    for ear, tone_hz in ((room.ear, PERSONS_HZ), (there, CALLERS_HZ)):
        await until(lambda e=ear, hz=tone_hz: e.tone_share()[hz] > 0.95)  # type: ignore[misc]  # bound at once
    assert room.worker.leg is not None
    room.worker.leg.send(Bye("person"))
    room.worker.leg.close("person")
    return there


def test_what_two_clocks_or_a_stall_pile_up_is_dropped() -> None:
    heard, sent = FakeLeg(), FakeLeg()
    relay = Relay(heard, sent, lambda why: None)
    for _ in range(50):
        relay.on_audio(bytes(320))
    assert MOST_WAITING_MS <= sent.waiting_ms < MOST_WAITING_MS + 20.0
    sent.send()
    relay.on_audio(bytes(320))
    assert sent.waiting_ms == 20.0
    heard.play(bytes(320))
    relay.on_hold(True)
    assert heard.waiting_ms == 0.0


@pytest.mark.parametrize("why", ["silence", "fax"])
def test_nobody_at_one_end_ends_it_for_both(why: str) -> None:
    gone: list[str] = []
    getattr(Relay(FakeLeg(), FakeLeg(16_000), gone.append), f"on_{why}")()
    assert gone == [why]


async def press(leg: MediaLeg, key: str, heard: list[str]) -> None:
    """Sound a key until the other side has heard it: a stall of this machine cuts one in two."""
    async with asyncio.timeout(60):
        while not heard:
            leg.flush()
            leg.play(key_tone(key, leg.sample_rate_hz))
            for _ in range(100):
                if not heard:
                    await asyncio.sleep(0.02)
    assert set(heard) == {key}


@pytest.mark.parametrize(
    ("codecs", "srtp", "ends"), [(("PCMU",), False, "person"), (("G722",), True, "caller")]
)
async def test_row_u2_a_person_answers_and_the_two_hear_each_other_until_one_leaves(
    tmp_path: Path, said: list[Event], codecs: tuple[str, ...], srtp: bool, ends: str
) -> None:
    async with talking(tmp_path, said, codecs=codecs, srtp=srtp) as room:
        there = await bridged(room)
        frames = room.worker.frames
        await press(there.leg, "7", room.ear.keys)
        await press(room.ear.leg, "5", there.keys)
        assert room.worker.frames <= frames + 2, "nothing of it reaches the worker"
        if ends == "person":
            room.person.calls[0].hang_up()
            assert await room.caller.over() == "caller"
        else:
            room.caller.hang_up()
            await until(lambda: room.person.reasons == ["caller"])
        await until(lambda: bool(room.of(PhoneCallOver)))
        assert room.gateway.calls == 0
    [led] = room.of(PhoneCallLed)
    [talked] = room.of(PhoneCallBridged)
    [over] = room.of(PhoneCallOver)
    assert isinstance(led, PhoneCallLed)
    assert isinstance(talked, PhoneCallBridged)
    assert isinstance(over, PhoneCallOver)
    assert (str(led.target), str(led.outcome)) == ("desk", "connected")
    assert (str(talked.target), str(talked.reason), talked.secured) == ("desk", ends, srtp)
    assert (str(over.reason), over.worker_lost) == (ends, False)


async def test_who_talks_with_a_person_is_in_no_other_caller_s_place(
    tmp_path: Path, said: list[Event]
) -> None:
    """The gateway has room for one call; while the worker still speaks to it, another is refused."""
    async with talking(tmp_path, said) as room:
        with pytest.raises(NotReached):
            await room.another()
        await bridged(room)
        await room.another()


@pytest.mark.parametrize(
    ("does", "outcome"), [("busy", TransferOutcome.BUSY), ("rings", TransferOutcome.NO_ANSWER)]
)
async def test_row_u2_a_person_who_does_not_answer_leaves_the_caller_in_the_flow(
    tmp_path: Path, said: list[Event], does: str, outcome: TransferOutcome
) -> None:
    """No answer is noticed here, not by the carrier: CANCEL, and the caller has been with the worker all along."""
    async with talking(tmp_path, said, does, ring_ms=400.0) as room:
        room.ask()
        await until(lambda: room.worker.outcomes == [(outcome, "desk")])
        await until(lambda: room.person.reasons == ["caller" if does == "rings" else "us"])
        frames = room.worker.frames
        await until(lambda: room.worker.frames > frames + 5)  # it is listened to
        room.worker.speak(1.0)
        await until(lambda: np.abs(np.frombuffer(room.ear.heard[-3_200:], "<i2")).max() > 2_000)
        assert room.of(PhoneCallOver) == []


async def test_a_caller_who_hangs_up_while_it_rings_lets_the_telephone_fall_silent(
    tmp_path: Path, said: list[Event]
) -> None:
    async with talking(tmp_path, said, "rings") as room:
        room.ask()
        await until(lambda: bool(room.person.calls))
        room.caller.hang_up()
        await until(lambda: room.person.reasons == ["caller"])
        await until(lambda: room.worker.hung_up == ["caller"])
    [led] = room.of(PhoneCallLed)
    assert isinstance(led, PhoneCallLed)
    assert str(led.outcome) == "caller_left"


async def test_nothing_of_the_caller_is_in_what_the_person_is_sent(
    tmp_path: Path, said: list[Event]
) -> None:
    desk = await udp_line(9)
    asked: list[Said] = []
    async with talking(tmp_path, said, desk=f"sip:desk@{HOST}:{desk.port}") as room:
        room.ask()
        desk.server = (HOST, room.gateway.ports["udp"])
        asked.append(await desk.read())
        desk.send(reply_to(asked[0], 486, to_tag="d"))
        asked.append(await desk.read())
        await until(lambda: bool(room.worker.outcomes))
    await desk.close()
    assert [each.method for each in asked] == ["INVITE", "ACK"]
    for each in asked:
        text = "\n".join(
            (each.line, *(f"{name}: {value}" for name, value in each.headers), each.body.decode())
        )
        assert CALLER.strip("+") not in text
        assert "network" not in text
        assert "<sip:wardline@" in each.one("From")


@pytest.mark.parametrize("bridges", [True, False])
@pytest.mark.parametrize("desk", ["sip:desk@192.0.2.1", "sip:9911@127.0.0.1"])
async def test_a_place_that_is_no_trunks_and_an_emergency_number_are_never_called(
    tmp_path: Path, said: list[Event], desk: str, bridges: bool
) -> None:
    async with talking(tmp_path, said, desk=desk, bridges=bridges) as room:
        room.ask()
        await until(lambda: room.worker.outcomes == [(TransferOutcome.REFUSED, "desk")])
        frames = room.worker.frames
        await until(lambda: room.worker.frames > frames)
        assert room.of(PhoneCallOver) == []
