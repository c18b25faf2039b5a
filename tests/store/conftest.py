"""Stores to test: a SQLite file, and a PostgreSQL server of our own on a socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline import config
from pipeline.settings import Settings
from pipeline.store.opening import open_records, prepare
from pipeline.store.records import Records
from tests.first_call.served import free_port


@dataclass(frozen=True)
class House:
    """One practice's store and the settings that lead to it."""

    directory: Path
    url: str = ""

    def settings(self, practice_id: str = "north", **store: object) -> Settings:
        place: dict[str, object] = {"url": self.url, "user": _USER} if self.url else {}
        return config.from_mapping(
            {
                "practice": {"id": practice_id},
                "state": {"directory": str(self.directory)},
                "store": {**place, **store},
            }
        )

    @contextmanager
    def records(self, practice_id: str = "north", *, busy_ms: int = 5_000) -> Iterator[Records]:
        """The store, made if need be, as a worker opens it."""
        settings = self.settings(practice_id)
        prepare(settings)
        records = open_records(settings, busy_ms=busy_ms)
        try:
            yield records
        finally:
            records.database.close()

    def written(self) -> bytes:
        """Every byte in the data directory."""
        return b"".join(
            path.read_bytes() for path in sorted(self.directory.rglob("*")) if path.is_file()
        )


_USER = "wardline"
_SERVER_USER = "postgres"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A SQLite store in an empty folder."""
    return House(tmp_path / "state")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server that this session started; needs Debian's `postgresql` (tools/system-deps)."""
    (programs,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    directory = Path(tempfile.mkdtemp(prefix="wardline-pg-"))
    own: dict[str, str] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        account = pwd.getpwnam(_SERVER_USER)
        os.chown(directory, account.pw_uid, account.pw_gid)
        own = {"user": _SERVER_USER, "group": _SERVER_USER}
    port = free_port()
    data = directory / "data"

    def run(*arguments: str) -> None:
        subprocess.run(arguments, check=True, capture_output=True, cwd=directory, **own)  # type: ignore[call-overload]  # user and group

    run(str(programs / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-N")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {directory} -c fsync=off"
    run(
        str(programs / "pg_ctl"), "-D", str(data), "-l", str(directory / "log"), "-w",
        "-o", options, "start",
    )  # fmt: skip
    try:
        yield f"127.0.0.1:{port}"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(directory)


@pytest.fixture
def server(tmp_path: Path, postgresql: str) -> House:
    """A new database on the server."""
    name = f"w{uuid4().hex[:10]}"
    host, port = postgresql.split(":")
    subprocess.run(
        ["createdb", "-h", host, "-p", port, "-U", _USER, name], check=True, capture_output=True
    )
    return House(tmp_path / "state", f"postgresql://{postgresql}/{name}")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.wire)])
def either(request: pytest.FixtureRequest) -> House:
    """The same promises on both."""
    found: House = request.getfixturevalue("house" if request.param == "sqlite" else "server")
    return found
