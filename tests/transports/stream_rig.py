"""The telephone's door with a gateway that keeps what it hears: over a real local socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.stream import messages
from pipeline.stream.local import connect as reach
from pipeline.stream.messages import Audio, Bringer, Clear, Mark, ToCall, read_to_call
from pipeline.stream.wire import Wire, connect
from pipeline.transports.media_stream import MediaStreamDoor
from tests.fakes.echo_call import TaggedCall

STREAM = "MZ1"
FIRST = "w1.first"


class FarEnd:
    """A gateway or a carrier: keeps what it hears and, when told to, plays it in real time."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, ToCall]] = []
        self.closed: list[tuple[int, str]] = []
        self.wire: Wire | None = None
        self.changed = asyncio.Event()
        self.gives_back = True

    def on_open(self, wire: Wire) -> None:
        self.wire = wire

    def on_text(self, text: str | bytes) -> None:
        message = read_to_call(text)
        assert message is not None, text
        self.heard.append((asyncio.get_running_loop().time(), message))
        if isinstance(message, Mark) and self.gives_back:
            self.say(messages.mark(STREAM, message.name))
        self.changed.set()

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
        self.changed.set()

    def say(self, text: str) -> bool:
        assert self.wire is not None
        return self.wire.send(text)

    def start(self, encoding: str = "audio/x-mulaw", rate_hz: int = 8_000) -> None:
        self.say(messages.connected())
        text = messages.start(STREAM, rate_hz, {})
        self.say(text.replace("audio/x-l16", encoding))

    def of(self, kind: type[ToCall]) -> list[ToCall]:
        return [message for _, message in self.heard if isinstance(message, kind)]

    def marks(self) -> list[Mark]:
        return [message for _, message in self.heard if isinstance(message, Mark)]

    def samples(self) -> int:
        return sum(len(each.payload) for each in self.of(Audio) if isinstance(each, Audio))

    def after_clear(self) -> list[ToCall]:
        kinds = [message for _, message in self.heard]
        last = max(at for at, message in enumerate(kinds) if isinstance(message, Clear))
        return kinds[last + 1 :]

    async def until(self, true: Callable[[], bool], limit_s: float = 60.0) -> None:
        async with asyncio.timeout(limit_s):
            while not true():
                self.changed.clear()
                await self.changed.wait()


class Rig:
    """One door, and calls that are announced at it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.door = MediaStreamDoor(path)
        self.calls: dict[str, TaggedCall] = {}
        self.never: list[tuple[str, str]] = []

    def expect(
        self, call_id: str = "call-1", shown: str = FIRST, bringer: Bringer = Bringer.CARRIER
    ) -> None:
        def begin(rate_hz: int) -> TaggedCall:
            self.calls[call_id] = TaggedCall(call_id, rate_hz)
            return self.calls[call_id]

        def never(reason: str) -> None:
            self.never.append((call_id, reason))

        self.door.expect(call_id, shown, bringer, begin, never)

    async def come(self, shown: str = FIRST) -> FarEnd:
        far = FarEnd()
        await connect(await reach(self.path), far, shown)
        return far

    async def called(
        self,
        encoding: str = "audio/x-mulaw",
        rate_hz: int = 8_000,
        bringer: Bringer = Bringer.CARRIER,
    ) -> tuple[FarEnd, TaggedCall]:
        self.expect(bringer=bringer)
        far = await self.come()
        far.start(encoding, rate_hz)
        async with asyncio.timeout(60):
            while "call-1" not in self.calls:  # noqa: ASYNC110  # the state of another object
                await asyncio.sleep(0.001)
        return far, self.calls["call-1"]


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Rig]:
    rig = Rig(directory / "calls-w1.sock")
    async with rig.door:
        yield rig
