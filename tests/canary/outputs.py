"""Every byte that a server wrote or shows, collected by where it stands, to be searched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql

Places = dict[str, bytes]

SHOWN = ("cmdline", "environ", "comm", "status", "wchan")
"""Files of /proc that name what a process does."""


def files(base: Path, leave_out: Iterable[str] = ()) -> Places:
    """Every file below, links by where they lead; the names of folders stand in a place of their own."""
    left_out = tuple(leave_out)
    found: Places = {}
    folders = []
    for path in sorted(base.rglob("*")):
        name = str(path.relative_to(base))
        if name in left_out or name.startswith(tuple(f"{each}/" for each in left_out)):
            continue
        if path.is_symlink():
            found[name] = str(path.readlink()).encode()
        elif path.is_dir():
            folders.append(name)
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = b""
    return found | {"folders": "\n".join(folders).encode()}


def processes(pids: Iterable[int]) -> Places:
    """What anybody on the machine may read about these processes: arguments, names of threads, open files."""
    found: Places = {}
    for pid in pids:
        process = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):  # it ended meanwhile
            for name in SHOWN:
                with contextlib.suppress(PermissionError):  # closed to us: more than is asked for
                    found[f"process {pid} {name}"] = (process / name).read_bytes()
            threads = (process / "task").iterdir()
            found[f"process {pid} threads"] = b"".join(
                (each / "comm").read_bytes() for each in threads
            )
            with contextlib.suppress(PermissionError):
                found[f"process {pid} open files"] = "\n".join(_links(process / "fd")).encode()
                found[f"process {pid} mapped files"] = "\n".join(_mapped(process)).encode()
    return found


def _links(folder: Path) -> list[str]:
    links = []
    for each in folder.iterdir():
        with contextlib.suppress(OSError):
            links.append(os.readlink(each))
    return links


def _mapped(process: Path) -> set[str]:
    lines = (process / "maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) > 5}


def rows(folder: Path) -> Places:
    """Every row of every SQLite database below, as SQL gives it to whoever opens the file."""
    found: Places = {}
    for path in sorted(folder.rglob("*.db")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (raw,) in names.fetchall():
                table = raw.decode()
                # the names come from the database itself
                each = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
                found[f"{path.name} table {table}"] = b"\n".join(
                    cell if isinstance(cell, bytes) else str(cell).encode()
                    for row in each
                    for cell in row
                )
    return found


def database_folder(folder: Path, before: dict[str, bytes]) -> Places:
    """What a PostgreSQL server has written since then: tables, indexes, write-ahead log, statistics, its own log.

    Files that are as they were are left out, and the zeros that fill the others.
    """
    found: Places = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if hashlib.sha256(data).digest() != before.get(name):
                found[f"postgresql {name}"] = data.rstrip(b"\0")
    return found


def digests(folder: Path) -> dict[str, bytes]:
    """Of each file: what `database_folder` compares with."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def database_rows(url: str, user: str) -> Places:
    """Every row of every table of ours, and what the server tells of statements, as SQL gives it."""
    found: Places = {}
    with psycopg.connect(url, user=user) as connection, connection.cursor() as cursor:
        listed = cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [sql.Identifier(str(row[0])) for row in listed.fetchall()]
        for table in (*tables, sql.Identifier("pg_catalog", "pg_stat_activity")):
            rows = cursor.execute(sql.SQL("SELECT * FROM {}").format(table)).fetchall()
            found[f"postgresql table {table.as_string()}"] = b"\n".join(
                cell if isinstance(cell, bytes) else str(cell).encode()
                for row in rows
                for cell in row
            )
    return found
