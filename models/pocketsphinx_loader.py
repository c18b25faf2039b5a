"""The recogniser's first process: built, started, watched and started again.

It loads the model and forks a process per call (`models.pocketsphinx_child`). This file knows
processes; what is said in them belongs to `models.pocketsphinx`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from models import pocketsphinx_child as child
from models.clinic_language import ClinicLanguage
from models.errors import EngineFailed, EngineUnavailable
from models.language_model import model_for
from models.switches import SWITCHES

_BUILD_LIMIT_S = 120.0
_LOAD_LIMIT_S = 60.0
_STOP_LIMIT_S = 5.0
_MAX_LOSSES = 3
"""In a row; then it has failed for good, and what a new worker process may mend is no longer tried here."""
_HEALTHY_S = 30.0
"""A process that ran for so long did not die of its start: losses are counted from there anew."""
_RETRY_S = 0.5
"""Before the second attempt; the first comes at once, for a call is waiting."""


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


def prepare(settings: PocketSphinxSettings) -> list[str]:
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
    return {**SWITCHES, "PATH": os.defpath, "PYTHONPATH": root, "LC_ALL": "C.UTF-8"}


class Loader:
    """The process that loads the model and forks; started again when it dies."""

    def __init__(self, settings: PocketSphinxSettings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = asyncio.Event()
        self._stopped = False
        self._losses = 0
        self._ready_at_s = 0.0
        self._retry: asyncio.TimerHandle | None = None
        self._respawning: asyncio.Future[tuple[subprocess.Popen[bytes], socket.socket]] | None = (
            None
        )
        self.gone = asyncio.Event()
        """Set when it will not be started again."""

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
        if self._stopped or self.gone.is_set():
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
        if self._retry is not None:
            self._retry.cancel()
        self._unwatch()
        if self._respawning is not None:  # whatever it has started is ended with the rest
            await asyncio.wait({self._respawning})
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
        self._process = process
        if self._stopped:
            control.close()
            return
        self._control = control
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
            self._ready_at_s = self._loop.time()
            self._ready.set()
            return
        if self._ready.is_set() and self._loop.time() - self._ready_at_s >= _HEALTHY_S:
            self._losses = 0
        self._unwatch()
        self._lost()

    def _lost(self) -> None:
        """It ended, or could not be started: start it again, unless that has failed too often."""
        self._losses += 1
        if self._losses >= _MAX_LOSSES:
            self.gone.set()
            self._ready.set()  # lets waiters see that it is over
            return
        self._retry = self._loop.call_later(_RETRY_S * (self._losses - 1), self._start_again)

    def _start_again(self) -> None:
        process, self._process = self._process, None
        self._respawning = self._loop.run_in_executor(None, self._respawn, process)
        self._respawning.add_done_callback(self._on_respawn)

    def _respawn(
        self, process: subprocess.Popen[bytes] | None
    ) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if process is not None:
            _end(process)
        return self._spawn()

    def _on_respawn(
        self, done: asyncio.Future[tuple[subprocess.Popen[bytes], socket.socket]]
    ) -> None:
        self._respawning = None
        if done.cancelled():
            return
        if done.exception() is None:
            self._watch(*done.result())
        elif not self._stopped:
            self._lost()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process whose control socket is closed; kill it when it does not go."""
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
