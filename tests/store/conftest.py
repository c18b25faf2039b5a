"""Stores to test: a SQLite file, and a PostgreSQL server of our own on a socket."""

from __future__ import annotations

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
from tests.store.postgresql import USER, Server, running


@dataclass(frozen=True)
class House:
    """One practice's store and the settings that lead to it."""

    directory: Path
    url: str = ""

    def settings(self, practice_id: str = "north", **store: object) -> Settings:
        place: dict[str, object] = {"url": self.url, "user": USER} if self.url else {}
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


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A SQLite store in an empty folder."""
    return House(tmp_path / "state")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server that this session started; needs Debian's `postgresql` (tools/system-deps)."""
    with running() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, postgresql: Server) -> House:
    """A new database on the server."""
    return House(tmp_path / "state", postgresql.create(f"w{uuid4().hex[:10]}"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.wire)])
def either(request: pytest.FixtureRequest) -> House:
    """The same promises on both."""
    found: House = request.getfixturevalue("house" if request.param == "sqlite" else "server")
    return found
