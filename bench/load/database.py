"""A PostgreSQL server of the bench's own on 127.0.0.1, to be killed under a server of ours, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.errors import BenchError, ServerNotStarted
from bench.load import processes
from bench.load.house import free_port, last_line

USER: Final = "wardline"
ACCOUNT: Final = "postgres"
"""Whom the server runs as where we are root: it refuses to be that."""
READY_LIMIT_S: Final = 30.0
END_LIMIT_S: Final = 10.0
_DEBIAN: Final = Path("/usr/lib/postgresql")
_PR_SET_PDEATHSIG: Final = 1


class Database:
    """One folder of data, and at times a server on it."""

    def __init__(self, folder: Path, programs: Path) -> None:
        """Nothing is made yet."""
        self._folder, self._programs = folder, programs
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._own: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._own = {"user": ACCOUNT, "group": ACCOUNT}

    @property
    def toml(self) -> str:
        """Settings of a server of ours that keeps its requests here."""
        return f'[store]\nurl = "{self._url}"\nuser = "{USER}"\n'

    @property
    def _url(self) -> str:
        return f"postgresql://127.0.0.1:{self._port}/postgres"

    async def make(self) -> None:
        """Lay the data out."""
        data = str(self._folder / "data")
        given = ("-D", data, "-U", USER, "-A", "trust", "-E", "UTF8")
        made = await self._run("initdb", *given, errors=asyncio.subprocess.PIPE)
        try:
            _, said = await made.communicate()
        finally:
            if made.returncode is None:  # we are to end, and it does not know
                await asyncio.to_thread(_kill, made.pid)
                await made.wait()
        if made.returncode:
            raise ServerNotStarted(
                f"PostgreSQL's initdb failed: {last_line(said) or 'it said nothing'}"
            )

    async def start(self) -> None:
        """Begin to serve, after a kill too; raises ServerNotStarted."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + READY_LIMIT_S
        while loop.time() < until_s:
            if self._process is None or self._process.returncode is not None:
                # again, too, where processes of the one that was killed have not gone yet: it then ends at once
                self._process = await self._serve()
            if await asyncio.to_thread(_answers, self._url):
                return
            await asyncio.sleep(0.1)
        raise ServerNotStarted("the PostgreSQL server of the bench did not start")

    async def _serve(self) -> asyncio.subprocess.Process:
        data, port = str(self._folder / "data"), str(self._port)
        given = ("-p", port, "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1")
        return await self._run("postgres", "-D", data, *given)

    def kill(self) -> list[int]:
        """SIGKILL to the server and every process of it; returns them."""
        if self._process is None or self._process.returncode is not None:
            return []
        return _kill(self._process.pid)

    async def stop(self) -> None:
        """End it, if it runs."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)  # clients are sent away
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            self.kill()
        await process.wait()

    async def _run(
        self, program: str, *arguments: str, errors: int = asyncio.subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(self._programs / program),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            cwd=self._folder,
            env={"PATH": os.defpath, "LANG": "C"},
            start_new_session=True,
            preexec_fn=_leave_with_parent,
            **self._own,
        )


@asynccontextmanager
async def running() -> AsyncIterator[Database]:
    """One that serves; it and its folder are gone when the block is left. Raises BenchError without its programs."""
    programs = await asyncio.to_thread(_programs)
    account = await asyncio.to_thread(_account)
    folder = await asyncio.to_thread(_own_folder, account)
    try:
        database = Database(folder, programs)
        try:
            await database.make()
            await database.start()
            yield database
        finally:
            await database.stop()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _own_folder(account: pwd.struct_passwd | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="wardline-bench-"))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as instead of us, where it must."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise BenchError(
            f"--store server as root runs PostgreSQL as the account {ACCOUNT}, and there is none: apt-get install postgresql"
        ) from None


def _programs() -> Path:
    """Where initdb and postgres are: Debian keeps them beside the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(_DEBIAN.glob("*/bin"))
    if not folders or not (folders[-1] / "postgres").exists():
        raise BenchError("--store server needs PostgreSQL's programs: apt-get install postgresql")
    return folders[-1]


def _kill(pid: int) -> list[int]:
    """SIGKILL to a process and all its descendants; returns them, itself the first."""
    everyone = list(processes.family(pid))
    for each in everyone:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    return everyone


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, user=USER, connect_timeout=2):
            return True
    except psycopg.Error:
        return False


def _leave_with_parent() -> None:
    """SIGINT when the bench is gone: to a database that is "now", where SIGTERM is "when the last client has left"."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
