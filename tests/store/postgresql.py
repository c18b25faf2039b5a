"""A PostgreSQL server of a test's own, on loopback, in a folder that can be searched (Debian's `postgresql`)."""

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

import psycopg
from psycopg import sql

from tests.ports import free_port

USER = "wardline"
_SERVER_USER = "postgres"
TALKATIVE = (
    *("-c log_statement=all", "-c log_min_messages=debug1", "-c log_min_error_statement=debug5"),
    *("-c log_parameter_max_length=-1", "-c log_parameter_max_length_on_error=-1"),
    *("-c log_connections=on", "-c log_disconnections=on", "-c track_activity_query_size=1MB"),
)
"""Everything a database's owner may switch on: each statement with its parameters."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    address: str
    """host:port"""
    directory: Path
    """Holds `data` and `log`."""

    def create(self, name: str, encoding: str = "UTF8") -> str:
        """Make a database and put it on the disk; returns its address for `store.url`."""
        whole = f"postgresql://{self.address}/postgres"
        with psycopg.connect(whole, user=USER, autocommit=True) as connection:
            made = sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C' STRATEGY file_copy"
            ).format(sql.Identifier(name), sql.Literal(encoding))
            connection.execute(made)
            connection.execute("CHECKPOINT")
        return f"postgresql://{self.address}/{name}"


@contextmanager
def running(*options: str, segment_mebibytes: int = 16) -> Iterator[Server]:
    """Until the block is left; its folder goes with it."""
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

    run(
        str(programs / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-N",
        f"--wal-segsize={segment_mebibytes}",
    )  # fmt: skip
    given = f"-c listen_addresses=127.0.0.1 -p {port} -k {directory} -c fsync=off"
    run(
        str(programs / "pg_ctl"), "-D", str(data), "-l", str(directory / "log"), "-w",
        "-o", " ".join((given, *options)), "start",
    )  # fmt: skip
    try:
        yield Server(f"127.0.0.1:{port}", directory)
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(directory)
