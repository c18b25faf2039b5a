"""The bench's own database: killed as a machine would end it, it is there again with what was committed."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import psycopg
import pytest

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
