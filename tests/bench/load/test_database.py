"""The bench's own database: killed as a machine would end it, it is there again with what was committed."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import tomllib
from pathlib import Path

import psycopg
import pytest

from bench.errors import BenchError, ServerNotStarted
from bench.load import database, processes

pytestmark = pytest.mark.wire


def address(toml: str) -> tuple[str, str]:
    store = tomllib.loads(toml)["store"]
    return store["url"], store["user"]


def done(toml: str, statement: str) -> list[tuple[object, ...]]:
    url, user = address(toml)
    with psycopg.connect(url, user=user, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def life() -> tuple[bool, list[tuple[object, ...]], Path]:
    async with database.running() as own:
        await asyncio.to_thread(done, own.toml, "CREATE TABLE kept AS SELECT 7 AS number")
        killed = await asyncio.to_thread(own.kill)
        assert len(killed) > 1
        try:
            await asyncio.to_thread(done, own.toml, "SELECT 1")
        except psycopg.OperationalError:
            away = True
        else:
            away = False
        await own.start()
        assert not await asyncio.to_thread(
            lambda: [pid for pid in killed if processes.remains(pid)]
        )
        found = await asyncio.to_thread(done, own.toml, "SELECT number FROM kept")
        return away, found, own._folder


def test_a_killed_database_comes_back_with_what_was_committed_and_leaves_no_folder() -> None:
    away, found, folder = asyncio.run(life())
    assert away
    assert found == [(7,)]
    assert not folder.exists()


def programs(folder: Path, initdb: str) -> Path:
    """A folder in which only initdb is, and does this."""
    program = folder / "initdb"
    program.write_text(f"#!/bin/sh\n{initdb}\n")
    program.chmod(0o755)
    return folder


def unmade(folder: Path, initdb: str) -> database.Database:
    """A database that runs as ourselves, since nothing here is PostgreSQL."""
    own = database.Database(folder, programs(folder, initdb))
    own._own = {}
    return own


def test_what_initdb_said_last_is_said(tmp_path: Path) -> None:
    own = unmade(tmp_path, "echo first >&2; echo 'no room on the disk' >&2; exit 1")
    with pytest.raises(ServerNotStarted, match=r"initdb failed: no room on the disk$"):
        asyncio.run(own.make())


def test_who_is_stopped_while_the_data_is_laid_out_leaves_no_initdb(tmp_path: Path) -> None:
    own = unmade(tmp_path, "sleep 60 & echo $$ $! > begun.part; mv begun.part begun; wait")

    async def stopped() -> list[int]:
        begun = tmp_path / "begun"
        async with asyncio.TaskGroup() as tasks:
            making = tasks.create_task(own.make())
            for _ in range(1_000):
                if await asyncio.to_thread(begun.exists):
                    break
                await asyncio.sleep(0.01)
            making.cancel()
        assert making.cancelled()
        return [int(each) for each in (await asyncio.to_thread(begun.read_text)).split()]

    pids = asyncio.run(stopped())
    assert len(pids) == 2
    for _ in range(500):
        if not any(processes.remains(pid) for pid in pids):
            break
        time.sleep(0.01)
    assert not [pid for pid in pids if processes.remains(pid)]


def test_root_without_the_account_is_told_and_no_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begun() -> None:
        async with database.running():
            pass

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(database, "ACCOUNT", "wardline-nobody")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BenchError, match="account wardline-nobody, and there is none"):
        asyncio.run(begun())
    assert list(tmp_path.iterdir()) == []
