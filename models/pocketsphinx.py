"""Embedded recogniser: PocketSphinx in child processes, because it holds the interpreter lock.

`PocketSphinx` builds (or finds) the mixed language model, starts the process that loads it and lends
each call a process forked from that one; `models.pocketsphinx_child` is their program and documents
the wire. A call's process that dies or hangs fails the utterance, and the next one gets a new
process. This file knows bytes and words; it does not know turns, calls or what is asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models import pocketsphinx_child as child
from models.clinic_language import ClinicLanguage
from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.language_model import model_for
from models.ports import Recognizer, Spoken, Transcript

_BUILD_LIMIT_S = 120.0
_LOAD_LIMIT_S = 60.0
_STOP_LIMIT_S = 5.0
_FEED_BYTES = 2_560
"""80 ms: fewer wake-ups of the child than frames of 20 ms, and 4 ms of decoding at the end."""
_MAX_UNSENT_BYTES = 1_000_000
"""Half a minute of audio that the child has not taken: it hangs."""
_MAX_LOST_BYTES = 60 * child.RATE_HZ * 2
_MAX_FAILED_STARTS = 3


@dataclass(frozen=True, slots=True)
class PocketSphinxSettings:
    """What the engine needs to know; the language is data of the practice."""

    language: ClinicLanguage
    cache_directory: Path
    """Built models are kept here under the hash of their content."""
    slots: int = 4
    """Calls that may listen at the same time; each is one process."""
    nice_level: int = 5
    """Below the worker, whose frames have deadlines of 20 ms."""
    deadline_ms: float = 5_000.0
    """An answer later than this means the process hangs."""


class PocketSphinx:
    """A bounded pool of decoders that share one loaded model (`models.ports.SpeechToText`)."""

    def __init__(self, settings: PocketSphinxSettings) -> None:
        """Nothing starts before `start`."""
        self._settings = settings
        self._loader: _Loader | None = None
        self._lent = 0

    async def start(self) -> None:
        """Build the language model unless it is cached, load it, and wait until it is ready."""
        if self._settings.slots < 1:
            raise EngineUnavailable("speech recognition needs at least 1 slot")
        loader = _Loader(self._settings, asyncio.get_running_loop())
        try:
            command = await asyncio.to_thread(_prepare, self._settings)
            await loader.start(command)
        except BaseException:
            await loader.stop()
            raise
        self._loader = loader

    async def open(self) -> Recognizer:
        """Fork a process for one call; EngineBusy when all slots are lent."""
        if self._loader is None:
            raise EngineUnavailable("speech recognition was not started")
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
        return 0 if self._loader is None else self._settings.slots - self._lent

    async def stop(self) -> None:
        """End every process."""
        loader, self._loader = self._loader, None
        if loader is not None:
            await loader.stop()

    def _give_back(self) -> None:
        self._lent -= 1


def _prepare(settings: PocketSphinxSettings) -> list[str]:
    """Build the model in a process of its own and return the loader's arguments."""
    try:
        import pocketsphinx
    except ImportError:
        raise EngineUnavailable("the package pocketsphinx is missing: run make setup") from None
    stock_directory = Path(pocketsphinx.get_model_path("en-us"))
    if not stock_directory.is_dir():
        raise EngineUnavailable("pocketsphinx has no English model: reinstall pocketsphinx")
    built = model_for(settings.language, settings.cache_directory)
    if not built.exists():
        command = [sys.executable, "-m", "models.language_model", str(settings.cache_directory)]
        try:
            done = subprocess.run(  # noqa: S603  # our own program with our own argument
                command,
                input=settings.language.to_json().encode(),
                capture_output=True,
                timeout=_BUILD_LIMIT_S,
                check=False,
                env=_environment(),
            )
        except subprocess.TimeoutExpired:
            raise EngineUnavailable("building the language model took too long") from None
        if done.returncode or not built.exists():
            reason = done.stderr.decode(errors="replace").strip().splitlines()
            raise EngineUnavailable(
                f"the language model could not be built: {reason[-1] if reason else 'no reason'}"
            )
    return [
        str(settings.nice_level),
        str(stock_directory),
        str(built.language_model),
        str(built.dictionary),
    ]


def _environment() -> dict[str, str]:
    """Children find `models` where this process found it, whatever the working directory."""
    root = str(Path(__file__).resolve().parent.parent)
    return {"PATH": os.defpath, "PYTHONPATH": root, "LC_ALL": "C.UTF-8"}


class _Loader:
    """The process that loads the model and forks; started again when it dies."""

    def __init__(self, settings: PocketSphinxSettings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = asyncio.Event()
        self._stopped = False
        self._failed_starts = 0

    async def start(self, arguments: list[str]) -> None:
        self._command = arguments
        self._watch(*await asyncio.to_thread(self._spawn))
        try:
            await self.wait_ready(_LOAD_LIMIT_S)
        except EngineFailed:
            raise EngineUnavailable("the recogniser did not load its model") from None

    async def wait_ready(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._ready.wait()
        except TimeoutError:
            raise EngineFailed("the recogniser is not ready") from None
        if self._stopped or self._failed_starts >= _MAX_FAILED_STARTS:
            raise EngineFailed("the recogniser has stopped")

    def fork(self, connection: socket.socket) -> None:
        """Hand one end of a pair to a new process."""
        if self._control is None:
            raise EngineFailed("the recogniser is not ready")
        try:
            socket.send_fds(self._control, [child.FORK], [connection.fileno()])
        except OSError:
            raise EngineFailed("the recogniser cannot start another process") from None

    def kill(self, pid: int) -> None:
        """End a process that hangs; only the process that forked it can name it safely."""
        if self._control is not None:
            try:
                self._control.send(child.KILL + struct.pack("<I", pid))
            except OSError:
                pass  # it is gone, and its children with it

    async def stop(self) -> None:
        self._stopped = True
        self._unwatch()
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_end, process)

    def _spawn(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        # a sequenced-packet pair keeps each message whole
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(  # noqa: S603  # our own program with our own arguments
                [
                    sys.executable,
                    "-m",
                    "models.pocketsphinx_child",
                    str(theirs.fileno()),
                    *self._command,
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        ours.setblocking(False)
        return process, ours

    def _watch(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        if self._stopped:
            control.close()
            self._loop.run_in_executor(None, _end, process)
            return
        self._process, self._control = process, control
        self._loop.add_reader(control, self._on_control)

    def _unwatch(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            self._loop.remove_reader(control)
            control.close()
        self._ready.clear()

    def _on_control(self) -> None:
        try:
            message = self._control.recv(16) if self._control is not None else b""
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if message == child.READY:
            self._failed_starts = 0
            self._ready.set()
            return
        was_ready = self._ready.is_set()
        self._unwatch()
        self._failed_starts += 0 if was_ready else 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            self._ready.set()  # lets waiters see that it is over
            return
        process, self._process = self._process, None
        respawn = self._loop.run_in_executor(None, self._respawn, process)
        respawn.add_done_callback(self._on_respawn)

    def _respawn(
        self, process: subprocess.Popen[bytes] | None
    ) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if process is not None:
            _end(process)
        return self._spawn()

    def _on_respawn(
        self, done: asyncio.Future[tuple[subprocess.Popen[bytes], socket.socket]]
    ) -> None:
        if not done.cancelled() and done.exception() is None:
            self._watch(*done.result())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process whose control socket is closed; kill it when it does not go."""
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EngineFailed("the recogniser process ended"))
        self._waiting.clear()


class _CallEar:
    """One call's recogniser: a process of its own behind a socket."""

    def __init__(self, loader: _Loader, deadline_s: float, give_back: Callable[[], None]) -> None:
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
