"""A headless caller: does over HTTP, WebRTC and the data channel what the page does, and keeps the times.

Speaks `docs/protocol.md` and nothing else: no door of the server that a patient does not have. Knows
nothing of scripts or voices; `bench.conversation` decides what to say.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bench.audio import Samples
from bench.errors import BenchError, CallLost, NothingHeard
from bench.line import Line
from bench.media import Ear, Microphone, Utterance
from bench.record import CallRecord, TurnRecord, stale_frames, wire_times
from bench.signalling import Front
from pipeline.clock import Clock, LoopClock

PING_EVERY_MS = 1_000.0
"""docs/protocol.md: a ping each second."""
PONG_LIMIT_MS = 5_000.0
"""A server that answers no ping for this long is gone: the page shows `reconnecting` after the same time."""
PONG_LIMIT_ALONE_MS = 2_500.0
"""The same once the event stream has broken as well."""
BYE_LIMIT_MS = 1_000.0
"""The event stream may tell of the end before the data channel does; the page waits as well."""
REPLY_OVER_MS = 250.0
"""Quiet on the wire after the server said it is listening: longer than the gaps between words."""
REPLY_OVER_ALONE_MS = 1_500.0
"""The same for a server that does not say so: longer than the gap between two sentences."""
LOOK_BACK_MS = 1_000.0
"""Audio before an onset that can matter to it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the conversation as it happens, for whoever prints it."""

    who: str
    """"caller", "agent", "said" (what we played) or "note"."""
    text: str
    turn: TurnRecord
    final: bool = True


class Caller:
    """One call, for the length of an `async with` block; leaving it hangs up."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        connect_timeout_ms: float = 10_000.0,
        ca_file: str | None = None,
        seed: int = 0,
        on_line: Callable[[Shown], None] = lambda _line: None,
        record: CallRecord | None = None,
    ) -> None:
        """`url` is the page's address; `ca_file` for a certificate of one's own; `record` outlives a failure."""
        self.record = CallRecord() if record is None else record
        self.state = ""
        """The last `state` message: greeting, listening, thinking, speaking, ended."""
        self.clock = clock or LoopClock()
        self._front = Front(url, ca_file)
        self._connect_timeout_ms = connect_timeout_ms
        self._on_line = on_line
        self._changes = asyncio.Event()
        self._ear = Ear(self.clock, self._on_packet)
        self._mic = Microphone(self.clock, self._changed, seed)
        self._line = Line(self._mic, self._ear, self._on_message, self._on_line_state)
        self._lines: dict[tuple[str, int], TurnRecord] = {}
        self._replies: list[tuple[float, int]] = []
        self._flushes: list[tuple[float, int]] = []
        self._unheard_epoch: int | None = None
        self._last_pong_ms = 0.0
        self._connected = False
        self._events_broken = False
        self._told_of_end = False
        self._lost: BenchError | None = None
        self._left = False
        self._owner: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- the call ---------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Ring: token, offer, connection. Raises BenchError with one plain sentence."""
        started_ms = self.clock.now_ms()
        await self._front.open()
        try:
            async with asyncio.timeout(self._connect_timeout_ms / 1000):
                offer = await self._line.offer(self._front.media_addresses)
                token = await self._front.token()
                answer = await self._front.offer(token, offer)
                await self._line.answer(answer.sdp)
                await self._until(lambda: self._connected)
        except TimeoutError:
            await self._close()
            raise self._line.unreachable(self._connect_timeout_ms) from None
        except BaseException:
            await self._close()
            raise
        self.record.connect_ms = self.clock.now_ms() - started_ms
        self.record.turns.append(TurnRecord("", "greeting", self.clock.now_ms()))
        self._last_pong_ms = self.clock.now_ms()
        self._owner = asyncio.TaskGroup()
        await self._owner.__aenter__()
        self._tasks = [
            self._owner.create_task(self._ping(), name="caller-ping"),
            self._owner.create_task(self._watch_events(), name="caller-events"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up, measure, close everything."""
        for task in self._tasks:
            task.cancel()
        owner = self._owner
        self._owner = None
        try:
            if owner is not None:
                await owner.__aexit__(None, None, None)
            if not self.record.ended and self._lost is None:
                await self.hang_up()
        finally:
            await self._close()
            self.measure(everything=True)

    async def say(self, samples: Samples, said: str) -> TurnRecord:
        """Say a recording to its end, or to that of the call; a server that is speaking is interrupted."""
        utterance = Utterance.of(samples)
        turn = self._begin(said, "speech")
        self._mic.say(utterance)
        await self._until(lambda: utterance.over or self.has_ended())
        turn.onset_ms, turn.end_ms = utterance.onset_sent_ms, utterance.end_sent_ms
        return turn

    async def heard_reply(self, turn: TurnRecord, timeout_ms: float) -> None:
        """Wait for the first sample of the reply; raises NothingHeard."""
        since_ms = turn.end_ms if turn.end_ms is not None else turn.begun_ms

        def replied() -> bool:
            loud_ms = self._ear.last_loud_ms
            return self.has_ended() or (loud_ms is not None and loud_ms > since_ms)

        await self._until(replied, timeout_ms, "the server did not answer")
        self.measure()

    async def reply_over(self, timeout_ms: float) -> None:
        """Wait until the server has said something since the last turn began and is listening again."""
        turn = self.record.turns[-1]
        since_ms = turn.end_ms if turn.end_ms is not None else turn.begun_ms

        def quiet() -> bool:
            if self.has_ended():
                return True
            loud_ms = self._ear.last_loud_ms
            if loud_ms is None or loud_ms <= since_ms:
                return False
            silent_ms = self._ear.silent_for_ms()
            listening = self.state == "listening" and silent_ms >= REPLY_OVER_MS
            return listening or silent_ms >= REPLY_OVER_ALONE_MS

        await self._until(quiet, timeout_ms, "the server did not finish what it was saying")
        self.measure()

    async def silence(self, duration_ms: float) -> TurnRecord:
        """Say nothing on purpose."""
        turn = self._begin("", "silence")
        await self.pause(duration_ms)
        return turn

    async def pause(self, duration_ms: float) -> None:
        """Let time pass; raises CallLost at once when the call is lost."""
        until_ms = self.clock.now_ms() + duration_ms
        await self._until(lambda: self.has_ended() or self.clock.now_ms() >= until_ms)

    async def press(self, keys: str) -> TurnRecord:
        """Press keys of the dial pad, five a second."""
        turn = self._begin(keys, "keys")
        for key in keys:
            self._line.send({"type": "dtmf", "key": key})
            await self.pause(200.0)
        turn.end_ms = self.clock.now_ms()
        return turn

    def type_text(self, text: str) -> TurnRecord:
        """Answer by keyboard."""
        turn = self._begin(text, "typed")
        self._line.send({"type": "typed", "text": text})
        turn.end_ms = self.clock.now_ms()
        return turn

    async def hang_up(self) -> None:
        """Leave as the page does: `bye` on the channel, then the hang-up request."""
        if self._left:
            return
        self._left = True
        self.record.ended = self.record.ended or "hangup"
        self._line.send({"type": "bye"})
        await self._front.hang_up()
        self._changed()

    def has_ended(self) -> bool:
        """Either side said goodbye."""
        return bool(self.record.ended)

    @property
    def ear(self) -> Ear:
        """Arrival times and levels of all that was heard."""
        return self._ear

    @property
    def microphone(self) -> Microphone:
        """How well our own frames kept their time."""
        return self._mic

    def measure(self, *, everything: bool = False) -> None:
        """Bring the wire times of the last two turns, or of all, up to date."""
        turns = self.record.turns
        pairs = list(zip(turns, [*turns[1:], None], strict=True))
        for turn, following in pairs if everything else pairs[-2:]:
            self._measure(turn, following.begun_ms if following else float("inf"))
        self.record.lost_packets = self._ear.lost_packets
        self.record.skipped_frames = self._mic.skipped_frames

    def _measure(self, turn: TurnRecord, until_ms: float) -> None:
        onset_ms, end_ms = turn.onset_ms, turn.end_ms
        if onset_ms is None or end_ms is None:
            return
        first = bisect_left(
            self._ear.frames, onset_ms - LOOK_BACK_MS, key=lambda frame: frame.at_ms
        )
        frames = self._ear.frames[first:]
        next_reply_ms = next((at for at, _ in self._replies if at > onset_ms), None)
        turn.wire = wire_times(frames, onset_ms, end_ms, next_reply_ms, until_ms)
        flush_ms = next((at for at, _ in self._flushes if onset_ms < at < until_ms), None)
        if flush_ms is not None and turn.wire.interrupted:
            turn.flush_ms = flush_ms - onset_ms
            after_ms = next((at for at, _ in self._replies if at > flush_ms), None)
            turn.stale_frames, turn.stale_ms = stale_frames(frames, flush_ms, after_ms)

    # --- its parts --------------------------------------------------------------------------------

    def _begin(self, said: str, how: str) -> TurnRecord:
        turn = TurnRecord(said, how, self.clock.now_ms())
        self.record.turns.append(turn)
        self._on_line(Shown("said", said, turn))
        return turn

    async def _ping(self) -> None:
        while True:
            now_ms = self.clock.now_ms()
            self._line.send({"type": "ping", "t": now_ms})
            limit_ms = PONG_LIMIT_ALONE_MS if self._events_broken else PONG_LIMIT_MS
            if now_ms - self._last_pong_ms > limit_ms and not self.has_ended():
                self._lose("the server stopped answering in the middle of the call")
            await asyncio.sleep(PING_EVERY_MS / 1000)

    async def _watch_events(self) -> None:
        async for event in self._front.events():
            if event.get("type") == "worker_lost":
                self._lose("the server lost the worker that held this call")
            elif event.get("type") == "ended":
                self._told_of_end = True
                await asyncio.sleep(
                    BYE_LIMIT_MS / 1000
                )  # the bye beside the audio names the reason
                self.record.ended = self.record.ended or str(event.get("reason", "ended"))
                self._changed()
        self._events_broken = True

    def _lose(self, sentence: str) -> None:
        if self._lost is None:
            self._lost = CallLost(sentence)
            self._changed()

    def _on_packet(self) -> None:
        """Tell the server, as the page does, when a reply was first heard."""
        if self._unheard_epoch is not None and self._ear.frames[-1].loud:
            epoch, self._unheard_epoch = self._unheard_epoch, None
            self._line.send({"type": "heard", "epoch": epoch, "t": self._ear.frames[-1].at_ms})
        self._changed()

    def _on_line_state(self, connected: bool, gone: bool) -> None:
        self._connected = connected
        if gone and not self.has_ended() and not self._told_of_end and not self._left:
            self._lose("the connection to the server broke off")
        self._changed()

    def _on_message(self, message: str) -> None:
        try:
            body = json.loads(message)
        except ValueError:
            return
        if isinstance(body, dict):
            self._take(body)
            self._changed()

    def _take(self, body: dict[str, Any]) -> None:
        """Messages as `docs/protocol.md` lists them; an unknown type is for a later client."""
        now_ms = self.clock.now_ms()
        match body:
            case {"type": "pong"}:
                self._last_pong_ms = now_ms
            case {"type": "flush", "epoch": int(epoch)}:
                self._flushes.append((now_ms, epoch))
            case {"type": "speak", "epoch": int(epoch)}:
                self._replies.append((now_ms, epoch))
                self._unheard_epoch = epoch
            case {"type": "state", "value": str(value)}:
                self.state = value
            case {"type": "caption", "who": str(who), "turn": int(turn), "text": str(text)}:
                self._caption(who, turn, text, bool(body.get("final", True)))
            case {"type": "request", "fields": dict(fields)}:
                self.record.request = {str(key): str(value) for key, value in fields.items()}
                self.record.request_complete = bool(body.get("complete"))
            case {"type": "urgent", "text": str(text)}:
                self.record.urgent = text
                if self.record.turns:
                    self._on_line(Shown("note", text, self.record.turns[-1]))
            case {"type": "turn", "marks_ms": dict(marks_ms)} if self.record.turns:
                self.record.turns[-1].marks_ms = {str(k): float(v) for k, v in marks_ms.items()}
            case {"type": "recording", "value": str(value)}:
                self.record.recording.append(value)
            case {"type": "bye"}:
                self.record.ended = self.record.ended or str(body.get("reason", "bye"))
            case _:
                pass

    def _caption(self, who: str, number: int, text: str, final: bool) -> None:
        """A line belongs to the turn in which its first version came; later versions replace it."""
        if not self.record.turns:
            self.record.turns.append(TurnRecord("", "greeting", self.clock.now_ms()))
        turn = self._lines.setdefault((who, number), self.record.turns[-1])
        lines = turn.heard_lines if who == "caller" else turn.reply_lines
        lines[number] = text
        self._on_line(Shown(who, text, turn, final))

    def _changed(self) -> None:
        """Wake everyone who waits, once."""
        changes, self._changes = self._changes, asyncio.Event()
        changes.set()

    async def _until(
        self, condition: Callable[[], bool], timeout_ms: float | None = None, failure: str = ""
    ) -> None:
        """Wait for a condition on what was heard or told; a lost call ends every wait.

        Packets arrive each 20 ms and pings each second, so a condition on the time is looked at as well.
        """
        deadline_ms = float("inf") if timeout_ms is None else self.clock.now_ms() + timeout_ms
        while not condition():
            if self._lost is not None:
                raise self._lost
            if self.clock.now_ms() >= deadline_ms:
                raise NothingHeard(f"{failure} for {(timeout_ms or 0) / 1000:.0f} s")
            try:
                async with asyncio.timeout(0.1):
                    await self._changes.wait()
            except TimeoutError:
                continue

    async def _close(self) -> None:
        await self._line.close()
        await self._front.close()
