"""Opens the database, brings its tables up to date, and turns a driver's errors into sentences.

SQLite in one file of ours, or PostgreSQL by URL. Knows tables only through `schema` and no key.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from pipeline.private_folder import make_private
from pipeline.store.faults import ScrubOwed, StoreBusy, StoreFault

FILE_NAME: Final = "requests.db"
_UPGRADE_LOCK: Final = 7_246_311
"""PostgreSQL's advisory lock for upgrades: any number that other programs of the database do not use."""
_SCRUB_TRY_MS: Final = 100
"""One attempt waits so long for readers, and holds up writers meanwhile; after as long a pause comes the next."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where the rows are."""

    directory: Path
    """Of the SQLite file; unused with a URL."""
    url: str = ""
    """`postgresql://host:port/database`, without user and password."""
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """Certificate authority of a server on another machine."""

    @property
    def file(self) -> Path | None:
        """The SQLite file, unless a URL is used."""
        return None if self.url else self.directory / FILE_NAME

    def shown(self) -> str:
        """For sentences: the path or the address, never a user."""
        return self.url or str(self.file)


class Database:
    """One process's way to the rows: short transactions, reading or writing."""

    def __init__(self, location: Location, *, busy_ms: int = 5_000) -> None:
        """Nothing is opened yet; a locked database is waited for so long."""
        self.location = location
        self._busy_ms = busy_ms
        self._engine: Engine | None = None
        self._may_create = False
        self._file_id: tuple[int, int] | None = None

    @property
    def is_sqlite(self) -> bool:
        """True for the file of ours."""
        return not self.location.url

    def close(self) -> None:
        """Let go of every connection; the next transaction opens anew."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view of the rows, blocking no writer."""
        with self._transaction(writes=False) as connection, Session(connection) as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is on the disk when the block is left, or never happened."""
        with self._transaction(writes=True) as connection:
            session = Session(connection, join_transaction_mode="control_fully")
            with session:
                yield session
                session.commit()

    @contextlib.contextmanager
    def connected(self, *, writes: bool) -> Iterator[Connection]:
        """A transaction below the tables: upgrades, copies."""
        with self._transaction(writes=writes) as connection:
            yield connection
            connection.commit()

    def scrub(self, *, patient: bool = True) -> None:
        """After a destruction: overwritten bytes leave the journal and the file, not only the view.

        Whoever reads an earlier view keeps them there: a patient one waits for that a while. Then it is `ScrubOwed`,
        and `scrub_again` is everybody's affair.
        """
        with self._without_transaction() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("VACUUM requests, data_keys, lookups, install_keys")
            elif not self._empty_journal(connection, self._busy_ms if patient else _SCRUB_TRY_MS):
                raise ScrubOwed(
                    "scrub_owed",
                    "what was destroyed has left the store, but its old bytes are still in"
                    f" {self.location.shown()}: another program (a backup, an export) reads the store as it was before."
                    " Let it end. Then a running server overwrites them within the hour, and the next start or"
                    " `wardline backup` does at once",
                )

    def scrub_again(self) -> None:
        """What a reader or a crash kept a `scrub` from; a database server looks after that by itself."""
        if self.is_sqlite:
            self.scrub(patient=False)

    def _empty_journal(self, connection: Connection, wait_ms: int) -> bool:
        """False: it may not be emptied, and old pages not be overwritten, while somebody reads them."""
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(wait_ms, _SCRUB_TRY_MS)}")
        try:
            for left in range(wait_ms // (2 * _SCRUB_TRY_MS), -1, -1):
                # It raises nothing when it cannot: the first of its three numbers says so.
                busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if not busy:
                    return True
                if left:
                    time.sleep(_SCRUB_TRY_MS / 1000.0)
            return False
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {self._busy_ms}")

    @contextlib.contextmanager
    def _without_transaction(self) -> Iterator[Connection]:
        try:
            with self._opened().connect() as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            self.close()
            raise _fault(error, self.location) from None

    # --- the tables' version -------------------------------------------------------------------

    def upgrade(self, to: str = "head") -> None:
        """Bring older tables up to date; refuse those of a newer release. Safe to call from several processes."""
        self._may_create = True
        with self.connected(writes=True) as connection:
            self.upgrade_within(connection, to)

    def upgrade_within(self, connection: Connection, to: str = "head") -> None:
        """The same as a part of somebody's transaction."""
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
        if _version(connection) == _head():
            return
        self._refuse_newer(connection)
        command.upgrade(_alembic(connection), to)

    def check_version(self) -> None:
        """Refuse tables of another release: a worker does not upgrade, the server's start did."""
        with self.connected(writes=False) as connection:
            version = _version(connection)
            if version == _head():
                return
            self._refuse_newer(connection)
            raise StoreFault(
                "older",
                f"the tables at {self.location.shown()} are of an older release or missing;"
                " start `wardline serve` once, which brings them up to date",
            )

    def version(self) -> str:
        """The tables' revision; "" when there are none."""
        if self.is_sqlite and self._file_now() is None:
            return ""
        with self.connected(writes=False) as connection:
            return _version(connection)

    def _refuse_newer(self, connection: Connection) -> None:
        version = _version(connection)
        if version and version not in revisions():
            raise StoreFault(
                "newer",
                f"the tables at {self.location.shown()} were written by a newer release of wardline;"
                " install that release or a later one. Nothing was changed",
            )
        if not version and inspect(connection).get_table_names():
            raise StoreFault(
                "foreign",
                f"{self.location.shown()} holds tables that are not wardline's; give the store a database of its own",
            )

    # --- connections -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self._opened().connect() as connection:
                yield connection.execution_options(wardline_writes=writes)
        except DBAPIError as error:
            self.close()
            raise _fault(error, self.location) from None
        except SQLAlchemyError as error:
            self.close()
            raise StoreFault(
                "unusable",
                f"the store at {self.location.shown()} cannot be used ({type(error).__name__})",
            ) from None

    def _opened(self) -> Engine:
        if self._engine is not None and self.is_sqlite and self._file_id != self._file_now():
            self.close()  # moved away under us: what we wrote into it would be lost
        if self._engine is None:
            self._engine = self._sqlite() if self.is_sqlite else self._postgresql()
        return self._engine

    def _file_now(self) -> tuple[int, int] | None:
        try:
            facts = (self.location.directory / FILE_NAME).stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _sqlite(self) -> Engine:
        file = self.location.directory / FILE_NAME
        if not self._may_create and not file.exists():
            raise StoreBusy(
                "not_there",
                f"there is no store at {file}; start `wardline serve` once, or bring a copy back with `wardline restore`",
            )
        _private_directory(self.location.directory)
        _private_file(file)
        self._file_id = self._file_now()
        engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(file)),
            pool_size=1,
            max_overflow=2,
            connect_args={"check_same_thread": False},  # closed by whoever closes the store
            hide_parameters=True,
        )
        busy_ms = self._busy_ms

        @event.listens_for(engine, "connect")
        def _prepare(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = (
                None  # we say BEGIN ourselves, so that tables change in a transaction too
            )
            for pragma in (
                f"busy_timeout = {busy_ms}",
                "journal_mode = WAL",
                "synchronous = FULL",  # WAL alone may lose the last commits with the power
                "wal_autocheckpoint = 200",  # old pages leave the journal within a few dozen commits
                "secure_delete = ON",
                "temp_store = MEMORY",
                "foreign_keys = ON",
                "trusted_schema = OFF",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # IMMEDIATE: a reader that turns writer half-way fails at once instead of waiting its turn.
            writes = connection.get_execution_options().get("wardline_writes")
            if writes is not None:  # None: `scrub`, which no transaction may surround
                connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _postgresql(self) -> Engine:
        parts = urlsplit(self.location.url)
        options: dict[str, Any] = {
            "connect_timeout": 5,
            "options": "-c lock_timeout=5000",
            "client_encoding": "utf8",  # a cluster made without a locale is SQL_ASCII, and text then comes as bytes
        }
        if not is_local(parts.hostname):
            options["sslmode"] = "verify-full"
        if self.location.ca_file:
            options["sslrootcert"] = self.location.ca_file
        url = URL.create(
            "postgresql+psycopg",
            username=self.location.user or None,
            password=self.location.password or None,
            host=parts.hostname,
            port=parts.port,
            database=parts.path.lstrip("/"),
        )
        engine = create_engine(
            url, pool_size=1, max_overflow=1, pool_pre_ping=True, connect_args=options,
            hide_parameters=True,
        )  # fmt: skip

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            if connection.get_execution_options().get("wardline_writes") is False:
                connection.exec_driver_sql(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
                )

        return engine


def revisions() -> tuple[str, ...]:
    """Every version of the tables that this release knows."""
    script = ScriptDirectory.from_config(_config())
    return tuple(revision.revision for revision in script.walk_revisions())


def is_local(host: str | None) -> bool:
    """Whether a connection there stays on this machine."""
    return not host or host in {"127.0.0.1", "::1", "localhost"}


# --- parts --------------------------------------------------------------------------------------------


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "pipeline.store:migrations")
    return config


def _alembic(connection: Connection) -> Config:
    config = _config()
    config.attributes["connection"] = connection
    return config


def _head() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _version(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _private_directory(directory: Path) -> None:
    try:
        make_private(directory)
    except OSError as error:
        raise StoreFault(
            "unusable",
            f"cannot make the data directory {directory}: {error.strerror};"
            " set store.directory to a folder of this user",
        ) from None


def _private_file(file: Path) -> None:
    """Make it for its owner alone before SQLite does; its journal takes over these rights.

    A file that is there is looked at and never opened: closing any descriptor of it would drop every lock of this
    process on it (fcntl(2)), those of SQLite's connections too. Another process that closes its own then takes itself
    for the last one and removes the journal, and what we commit afterwards is in a file that nobody can find.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        mode = stat.S_IMODE(file.stat().st_mode)
        if not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StoreFault(
            "permissions", f"cannot open {file}: {error.strerror}; this user must own it"
        ) from None
    if mode & 0o077:
        raise StoreFault(
            "permissions",
            f"{file} may be read by other users (mode {mode:04o}); run: chmod 600 {file}",
        )


_SQLITE: Final[dict[int, tuple[type[StoreFault], str, str]]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "locked", "is locked by another program; end that program"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "locked", "is locked by another program; end that program"),
    sqlite3.SQLITE_FULL: (StoreBusy, "full", "is on a full disk; make room"),
    sqlite3.SQLITE_IOERR: (
        StoreBusy,
        "disk",
        "is on a disk that does not work or is full; check it",
    ),
    sqlite3.SQLITE_READONLY: (StoreBusy, "read_only", "may not be written; check its rights"),
    sqlite3.SQLITE_CANTOPEN: (StoreBusy, "not_there", "cannot be opened; check that it exists"),
    sqlite3.SQLITE_CORRUPT: (
        StoreFault,
        "corrupt",
        "is damaged; keep the file for an expert and bring back a copy with `wardline restore`",
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreFault,
        "corrupt",
        "is damaged (no database); keep the file for an expert and bring back a copy with `wardline restore`",
    ),
}


def _fault(error: DBAPIError, location: Location) -> StoreFault:
    """The driver's own text may quote a row: only its code is used."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        known = _SQLITE.get((getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF)
        if known is not None:
            kind, reason, advice = known
            return kind(reason, f"the store at {location.shown()} {advice}")
    state = getattr(cause, "sqlstate", None) or ""
    if state.startswith("53"):
        return StoreBusy("full", f"the database server at {location.shown()} is out of room")
    if state in {"55P03", "40001", "40P01"}:
        return StoreBusy("locked", f"the store at {location.shown()} is locked by another program")
    if location.url and not state:
        return StoreBusy(
            "unreachable",
            f"the database server at {location.shown()} does not answer or does not let us in; check that it runs,"
            " that the database exists (createdb), store.user and store.password_file",
        )
    shown = state if state.isalnum() and state.isascii() else type(cause).__name__
    return StoreFault("unusable", f"the store at {location.shown()} failed ({shown})")
