"""Embedded recogniser: PocketSphinx in child processes, because it holds the interpreter lock.

`PocketSphinx` lends each call a process forked from one that loaded the mixed language model
(`models.pocketsphinx_loader`); `models.pocketsphinx_child` is their program and documents the wire.
A call's process that dies or hangs fails the utterance, and the next one gets a new process. This
file knows bytes and words; it does not know turns, calls or what is asked.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable

from models import pocketsphinx_child as child
from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.pocketsphinx_loader import Loader, PocketSphinxSettings, prepare
from models.ports import Recognizer, Spoken, Transcript

__all__ = ["PocketSphinx", "PocketSphinxSettings"]

_FEED_BYTES = 2_560
"""80 ms: fewer wake-ups of the child than frames of 20 ms, and 4 ms of decoding at the end."""
_MAX_UNSENT_BYTES = 1_000_000
"""Half a minute of audio that the child has not taken: it hangs."""
_MAX_LOST_BYTES = 60 * child.RATE_HZ * 2


class PocketSphinx:
    """A bounded pool of decoders that share one loaded model (`models.ports.SpeechToText`)."""

    def __init__(self, settings: PocketSphinxSettings) -> None:
        """Nothing starts before `start`."""
        self._settings = settings
        self._loader: Loader | None = None
        self._lent = 0

    async def start(self) -> None:
        """Build the language model unless it is cached, load it, and wait until it is ready."""
        if self._settings.slots < 1:
            raise EngineUnavailable("speech recognition needs at least 1 slot")
        loader = Loader(self._settings, asyncio.get_running_loop())
        try:
            command = await asyncio.to_thread(prepare, self._settings)
            await loader.start(command)
        except BaseException:
            await loader.stop()
            raise
        self._loader = loader

    async def open(self) -> Recognizer:
        """Fork a process for one call; EngineBusy when all slots are lent."""
        if self._loader is None:
            raise EngineUnavailable("speech recognition was not started")
        if self._loader.gone.is_set():
            raise EngineUnavailable("speech recognition has stopped")
        if self._lent >= self._settings.slots:
            raise EngineBusy("every recogniser is in use")
        self._lent += 1
        ear = _CallEar(self._loader, self._settings.deadline_ms / 1000, self._give_back)
        try:
            await ear.connect()
        except BaseException:
            await ear.close()
            raise
        return ear

    def free_slots(self) -> int:
        """How many more calls can listen now."""
        if self._loader is None or self._loader.gone.is_set():
            return 0
        return self._settings.slots - self._lent

    async def broken(self) -> None:
        """Return once the first process has died too often to be started again."""
        gone = asyncio.Event() if self._loader is None else self._loader.gone
        await gone.wait()

    async def stop(self) -> None:
        """End every process."""
        loader, self._loader = self._loader, None
        if loader is not None:
            await loader.stop()

    def _give_back(self) -> None:
        self._lent -= 1


class _Wire(asyncio.Protocol):
    """Matches answers to requests on one call's socket."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.lost = False
        self._waiting: dict[int, asyncio.Future[dict[str, object]]] = {}
        self._incoming = bytearray()
        self._last = 0

    def expect(self) -> tuple[int, asyncio.Future[dict[str, object]]]:
        """A number for a request and the future of its answer."""
        self._last += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = future
        return self._last, future

    def forget(self, request: int) -> None:
        self._waiting.pop(request, None)

    def data_received(self, data: bytes) -> None:
        self._incoming += data
        while len(self._incoming) >= child.REPLY.size:
            request, length = child.REPLY.unpack_from(self._incoming)
            end = child.REPLY.size + length
            if len(self._incoming) < end:
                return
            answer = json.loads(bytes(self._incoming[child.REPLY.size : end]))
            del self._incoming[:end]
            if request == 0:
                self.pid = int(answer["pid"])
                continue
            future = self._waiting.pop(request, None)
            if future is not None and not future.done():
                future.set_result(answer)

    def eof_received(self) -> None:
        """Lost from now on: `connection_lost` comes a round later, and audio written till then is gone."""
        self.lost = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EngineFailed("the recogniser process ended"))
        self._waiting.clear()


class _CallEar:
    """One call's recogniser: a process of its own behind a socket."""

    def __init__(self, loader: Loader, deadline_s: float, give_back: Callable[[], None]) -> None:
        self._loader = loader
        self._deadline_s = deadline_s
        self._give_back: Callable[[], None] | None = give_back
        self._connecting = asyncio.Lock()
        self._transport: asyncio.WriteTransport | None = None
        self._wire = _Wire()
        self._wire.lost = True
        self._unsent = bytearray()
        self._sent_any = False
        self._whole = True
        """False when audio of this utterance was lost with a process."""

    async def connect(self) -> None:
        """Get a process if there is none, and give it the audio that waited for it."""
        async with self._connecting:
            if not self._wire.lost:
                return
            await self._loader.wait_ready(self._deadline_s)
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    self._loader.fork(theirs)
                except EngineFailed:
                    ours.close()
                    raise
            self._wire = _Wire()
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: self._wire, sock=ours
            )
            transport.set_write_buffer_limits(high=_MAX_UNSENT_BYTES)
            self._transport = transport
            self._send(child.BEGIN)

    def expect(self, answer: str | None) -> None:
        """Tell the process what was asked."""
        self._send(child.EXPECT, (answer or "").encode())

    def begin(self) -> None:
        """Start an utterance."""
        self._unsent.clear()
        self._whole, self._sent_any = True, False
        self._send(child.BEGIN)

    def feed(self, pcm: bytes) -> None:
        """Queue audio; returns at once."""
        self._unsent += pcm
        if self._wire.lost:
            del self._unsent[_MAX_LOST_BYTES:]
        elif len(self._unsent) >= _FEED_BYTES:
            self._flush()

    async def hypothesis(self) -> Transcript:
        """The words so far."""
        return await self._ask(child.HYPOTHESIS)

    async def settle(self) -> Transcript:
        """The best words for everything fed."""
        return await self._ask(child.SETTLE)

    def discard(self) -> None:
        """Drop the utterance."""
        self._unsent.clear()
        self._whole, self._sent_any = True, False
        self._send(child.DISCARD)

    async def close(self) -> None:
        """Close the socket, which ends the process, and give the slot back once."""
        if self._transport is not None:
            self._transport.abort()
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()

    def _send(self, kind: int, body: bytes = b"", request: int = 0) -> None:
        if self._wire.lost or self._transport is None:
            return
        if self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._give_up()
            return
        self._transport.write(child.REQUEST.pack(kind, request, len(body)) + body)

    def _flush(self) -> None:
        if self._unsent:
            self._sent_any = True
            self._send(child.FEED, bytes(self._unsent))
            self._unsent.clear()

    async def _ask(self, kind: int) -> Transcript:
        if self._give_back is None:
            raise EngineFailed("the recogniser is closed")
        await self._lost_or_connected()
        self._flush()
        wire = self._wire
        request, future = wire.expect()
        self._send(kind, request=request)
        if wire.lost:
            wire.forget(request)
            raise EngineFailed("the recogniser process ended")
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await future
        except TimeoutError:
            self._give_up()
            raise EngineFailed("the recogniser did not answer in time") from None
        finally:
            wire.forget(request)
        return _transcript(answer)

    async def _lost_or_connected(self) -> None:
        """After a loss fail once per broken utterance; a whole one waits for a new process."""
        if self._wire.lost:
            self._whole = self._whole and not self._sent_any
            await self.connect()
        if not self._whole:
            raise EngineFailed("part of the utterance was lost with the recogniser process")

    def _give_up(self) -> None:
        """The process hangs: end it."""
        if self._wire.pid is not None:
            self._loader.kill(self._wire.pid)
        self._wire.lost = True
        self._whole = False
        if self._transport is not None:
            self._transport.abort()


def _transcript(answer: dict[str, object]) -> Transcript:
    others = answer.get("alternatives", ())
    confidence = answer.get("confidence")
    return Transcript(
        text=Spoken(str(answer.get("text", ""))),
        alternatives=tuple(Spoken(str(text)) for text in others)
        if isinstance(others, list)
        else (),
        confidence=float(confidence) if isinstance(confidence, (int, float)) else None,
    )
