"""From settings to an open store: at the server's start, in a worker, in a command. Names every fault in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pipeline import config
from pipeline.clock import wall_now
from pipeline.errors import StartUpError
from pipeline.settings import Settings
from pipeline.store.database import Database, Location
from pipeline.store.faults import KeyFault, StoreBusy, StoreFault
from pipeline.store.keys import KeyKind, KeySource
from pipeline.store.proofs import keys_of
from pipeline.store.records import Records
from pipeline.store.requests import SweepFailed
from pipeline.store.retention import expire, logs_held
from pipeline.store.tombstones import Tombstones
from pipeline.telemetry.events import Event, Token, emit

LOCKED_MS = 5_000
"""A command or the start waits so long for another program's transaction."""


class KeyMade(Event):
    """A first start made the install key."""

    key_id: Token


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the person who started the server should know."""

    shown: str
    """Where the rows are."""
    key: str
    """Where the key is."""
    key_is_new: bool
    requests: int
    deployment: str

    def sentences(self) -> list[str]:
        """For the terminal."""
        said = [
            f"Requests are kept, encrypted, at {self.shown}",
            f'Deployment "{self.deployment}": no other one opens its data or its key',
        ]
        if self.key_is_new:
            said.append(
                f"A NEW KEY was made at {self.key}. Without it nobody, not even you, can read the requests:\n"
                "  copy it to another medium now, with  wardline key export /path/on/another/disk/wardline.key"
            )
        return said


def now_ms() -> int:
    """Wall clock, milliseconds since 1970: what rows carry."""
    return int(wall_now().timestamp() * 1000)


def location(settings: Settings) -> Location:
    """Where the rows are, as configured."""
    store = settings.store
    password = ""
    if store.password_file:
        try:
            password = Path(store.password_file).read_text().split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreFault(
                "permissions", f"store.password_file cannot be read ({type(error).__name__})"
            ) from None
    return Location(config.data_directory(settings), store.url, store.user, password, store.ca_file)


def key_source(settings: Settings) -> KeySource:
    """Where the key comes from, as configured."""
    store = settings.store
    file = (
        Path(store.credentials_directory) / store.key_credential
        if store.key == "credential"
        else config.key_file_of(settings)
    )
    return KeySource(
        cast(KeyKind, store.key),
        file,
        store.key_command,
        config.child_environment({}) if store.key == "command" else {},
        store.key_text,
        settings.deployment.name,
    )


def open_records(settings: Settings, *, busy_ms: int = LOCKED_MS) -> Records:
    """For a worker's thread or a command: the tables must be up to date and the key the right one."""
    source = key_source(settings)
    database = Database(location(settings), busy_ms=busy_ms)
    try:
        database.check_version()
        records = Records(database, settings.practice.id, source.load(), source.load, now_ms)
        records.proofs.check()
    except BaseException:
        database.close()
        raise
    return records


def try_writing(settings: Settings, *, busy_ms: int = LOCKED_MS) -> None:
    """Begin a transaction that may write and leave it at that; raises `StartUpError` with what is wrong.

    The key is tried too where it is a file. A program or a variable is asked for it at the start alone: a vault
    that is asked every minute writes a line each time, and may have somebody confirm it.
    """
    if settings.store.key in {"command", "environment"}:
        database = Database(location(settings), busy_ms=busy_ms)
    else:
        database = open_records(settings, busy_ms=busy_ms).database
    try:
        database.check_version()
        with database.connected(writes=True):
            pass
    finally:
        database.close()


def tombstones_of(settings: Settings) -> Tombstones:
    """Beside the key, away from the data and its copies."""
    return Tombstones(config.key_file_of(settings).parent)


def sweeper(settings: Settings) -> Callable[[Records], None]:
    """What a worker does every hour: destroy requests whose days are over."""
    graves, days = tombstones_of(settings), settings.store.requests_days

    def sweep(records: Records) -> None:
        expire(records, graves, days)

    return sweep


def prepare(settings: Settings) -> Prepared:
    """Once, at the server's start: make or upgrade the tables, make or check the key."""
    source = key_source(settings)
    database = Database(location(settings), busy_ms=LOCKED_MS)
    try:
        database.upgrade()
        is_new = not source.exists()
        if is_new:
            _refuse_new_key(database, settings, source)
            ring = source.create()
            emit(KeyMade(Token(ring.current)))
        else:
            ring = source.load()
        records = Records(database, settings.practice.id, ring, source.load, now_ms)
        records.proofs.enter()
        records.proofs.bind()
        source.bind()
        try:
            expire(records, tombstones_of(settings), settings.store.requests_days)
        except StoreBusy as error:  # a backup that reads, a full disk: the workers try again
            emit(SweepFailed(Token(error.reason)))
        return Prepared(
            database.location.shown(),
            source.shown(),
            is_new,
            records.count(),
            settings.deployment.name,
        )
    finally:
        database.close()


def logs_are_held(settings: Settings) -> bool:
    """Whether a legal hold keeps every log; a store that cannot say is taken to say yes."""
    try:
        records = open_records(settings)
    except StartUpError:
        return True
    try:
        return logs_held(records)
    except StartUpError:
        return True
    finally:
        records.database.close()


def _refuse_new_key(database: Database, settings: Settings, source: KeySource) -> None:
    """A store that was sealed before needs its own key: a new one would only hide that it is lost."""
    sealed_with = keys_of(database, settings.practice.id)
    if sealed_with:
        raise KeyFault(
            "key_missing",
            f"the store at {database.location.shown()} was sealed with key {sealed_with[0]}, and there is no key at"
            f" {source.shown()}; bring back the copy you exported with `wardline key import FILE`."
            " Without it nobody can read the requests; to begin anew, move the store's files away",
        )
