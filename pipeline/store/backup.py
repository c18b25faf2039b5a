"""A copy of everything sealed, taken while calls run, and how an empty machine gets it back.

One file of JSON lines: a head, the rows of one consistent view, a foot with their number and a signature. It
holds no key: without the install key it opens for nobody. The same file restores to SQLite and PostgreSQL.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import MetaData, Table, insert, select
from sqlalchemy.orm import Session

from phi.envelope import KeyRing
from pipeline.clock import wall_now
from pipeline.finished_file import give_name
from pipeline.store.database import Database, revisions
from pipeline.store.faults import StoreBusy, StoreFault
from pipeline.store.keys import ADOPT, other_deployment, require_named
from pipeline.store.records import Records, shred
from pipeline.store.retention import take_out
from pipeline.store.schema import Base
from pipeline.store.tombstones import Tombstones

FORMAT: Final = "wardline-backup-1"
_LINE_BYTES_MAX: Final = 1 << 20
_ROWS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Head:
    """What a copy says of itself."""

    practice_id: str
    revision: str
    taken_at: str
    rows: int
    deployment: str
    id: str
    """Its signature: no two copies have the same."""
    unopened: tuple[str, ...] = ()
    """Requests in it that do not open, as who made it found; its file does not say."""


class Beside(Protocol):
    """Sealed files that lie beside the rows, on their way back."""

    def bring(self, copy: str, files: Iterator[tuple[str, bytes]]) -> None:
        """Put them where they belong; after a crash the same copy's once more."""

    def finished(self) -> None:
        """The rows are there as well: no crash leads back to `bring` any more."""


class _NothingBeside:
    def bring(self, copy: str, files: Iterator[tuple[str, bytes]]) -> None:
        del copy, files

    def finished(self) -> None:
        pass


def back_up(records: Records, to: Path, files: Iterable[tuple[str, bytes]] = ()) -> Head:
    """Write a copy; a file that is there is never overwritten, and a broken one never left.

    `files` are sealed files kept beside the rows, name by name in pieces. Each request is opened on the way: a row
    that was damaged is copied as it is, and named, while an earlier copy may still have it whole.
    """
    digest = hashlib.sha256()
    rows = 0
    unopened: list[str] = []
    revision = records.database.version()
    taken_at = wall_now().isoformat(timespec="seconds")
    head = {
        "format": FORMAT,
        "practice_id": records.practice_id,
        "revision": revision,
        "taken_at": taken_at,
        "deployment": records.ring.deployment,
    }
    unfinished = to.with_name(f".{to.name}.unfinished")
    try:
        if to.exists():
            raise FileExistsError
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for line in _lines(records, head, files, unopened):
                digest.update(line)
                file.write(line)
                rows += 1
            signature = records.ring.signature("backup", digest.digest())
            foot = {"rows": rows - 1, "signature": signature}
            file.write(_line(foot))
            file.flush()
            os.fsync(file.fileno())
        give_name(unfinished, to)
    except FileExistsError:
        raise StoreFault("exists", f"{to} exists already; give another name") from None
    except OSError as error:
        raise StoreFault("disk", f"cannot write {to}: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    # What was destroyed while we read could not leave; whatever still hinders that, the copy is whole.
    with contextlib.suppress(StoreBusy):
        records.database.scrub_again()
    return Head(
        records.practice_id,
        revision,
        taken_at,
        rows - 1,
        records.ring.deployment,
        signature,
        tuple(unopened),
    )


def examine(path: Path, ring: KeyRing) -> Head:
    """Read a copy to its end and check its signature: whole, unchanged, and made with this key."""
    digest = hashlib.sha256()
    head: dict[str, Any] = {}
    last = b""
    rows = -1
    for line in _read_lines(path):
        if last:
            digest.update(last)
            rows += 1
        last = line
        head = head or _parsed(line, path)
    if head.get("format") != FORMAT:
        raise StoreFault("backup", f"{path} is no copy that `wardline backup` made")
    foot = _parsed(last, path)
    signature = foot.get("signature")
    if not isinstance(signature, str) or foot.get("rows") != rows:
        raise StoreFault("backup", f"{path} was cut short; use another copy")
    ours = ring.signature("backup", digest.digest())
    if not hmac.compare_digest(signature.encode(errors="replace"), ours.encode()):
        raise StoreFault(
            "backup",
            f"{path} was changed, or made with another key than the one in use; bring back that key with"
            " `wardline key import FILE`, or use another copy",
        )
    return Head(
        str(head["practice_id"]),
        str(head["revision"]),
        str(head["taken_at"]),
        rows,
        str(head.get("deployment", "")),
        ours,
    )


def restore(
    database: Database,
    path: Path,
    ring: KeyRing,
    practice_id: str,
    named: str = "",
    *,
    beside: Beside | None = None,
    settle: Callable[[Session], None] = lambda session: None,
) -> Head:
    """Bring a copy back into an empty store, with the tables of its own release, then up to date.

    A copy of another deployment is refused unless that one is `named`. The rows come last and all at once, `settle`d
    before anybody can see them: until they are there the store is empty, and the same restore may be run again.
    """
    head = examine(path, ring)
    if named:
        require_named(named, head.deployment, f"the copy {path}")
    elif head.deployment and ring.deployment and head.deployment != ring.deployment:
        raise StoreFault(
            "deployment",
            f"{other_deployment(f'the copy {path}', head.deployment, ring.deployment)}."
            f" {ADOPT.format('restore', head.deployment)}",
        )
    if head.practice_id != practice_id:
        raise StoreFault(
            "backup",
            f'the copy is of practice "{_plain(head.practice_id)}" and practice.id is "{practice_id}";'
            " set practice.id to the copy's",
        )
    if head.revision not in revisions():
        raise StoreFault(
            "newer",
            f"{path} was made by a newer release of wardline; install that release or a later one",
        )
    _refuse_full(database, practice_id)
    beside = beside or _NothingBeside()
    beside.bring(head.id, _files(path))
    database.upgrade(head.revision)
    with database.connected(writes=True) as connection:
        tables = MetaData()
        tables.reflect(connection)
        waiting: dict[str, list[dict[str, Any]]] = {}
        for name, row in _rows(path):
            if name not in tables.tables:
                raise StoreFault("backup", f"{path} names a table its release does not have")
            rows = waiting.setdefault(name, [])
            rows.append(row)
            if len(rows) >= _ROWS_AT_ONCE:
                connection.execute(insert(tables.tables[name]), waiting.pop(name))
        for name, rows in waiting.items():
            connection.execute(insert(tables.tables[name]), rows)
        database.upgrade_within(connection)
        with Session(connection, join_transaction_mode="rollback_only") as session:
            settle(session)
            session.commit()
    beside.finished()
    return head


def bury_again(records: Records, tombstones: Tombstones) -> int:
    """Destroy again what was destroyed after the copy was taken, fields too; returns how many requests it touched."""
    with records.database.writing() as session:
        touched = bury_within(session, records, tombstones)
    if touched:
        records.database.scrub()
    return touched


def bury_within(session: Session, records: Records, tombstones: Tombstones) -> int:
    """The same as a part of somebody's transaction, who owes the store a `scrub` afterwards."""
    dead, less = tombstones.read(), tombstones.read_fields()
    touched = 0
    for request_id in records.ids(session):
        if why := dead.get(request_id):
            shred(session, records.practice_id, [request_id], why[:16], records.now_ms())
            touched += 1
        elif fields := less.get(request_id):
            touched += _less(session, records, request_id, fields)
    return touched


# --- parts --------------------------------------------------------------------------------------------


def _less(session: Session, records: Records, request_id: str, fields: frozenset[str]) -> bool:
    """Take these fields out again; False when they are not there.

    That nobody reads them again was promised. Nobody can take them out of a request that does not open, so that one
    is destroyed as a whole.
    """
    try:
        row, key_row = records.row(session, request_id)
        if fields.isdisjoint(records.document(row, key_row).fields):
            return False
        take_out(records, session, row, key_row, fields)
    except StoreFault:
        shred(session, records.practice_id, [request_id], "redacted", records.now_ms())
    return True


def _lines(
    records: Records,
    head: dict[str, Any],
    files: Iterable[tuple[str, bytes]],
    unopened: list[str],
) -> Iterator[bytes]:
    yield _line(head)
    for name, data in files:
        yield _line({"file": name, "data": _cell(data)})
    with records.database.reading() as session:
        for table in Base.metadata.sorted_tables:
            query = select(table).where(table.c.practice_id == records.practice_id)
            for row in session.execute(query).yield_per(_ROWS_AT_ONCE).mappings():
                cells = {key: _cell(value) for key, value in row.items()}
                yield _line({"table": table.name, "row": cells})
        for _ in records.opened_within(session, unopened):
            pass


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _cell(value: object) -> object:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _read_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_LINE_BYTES_MAX):
                yield line
    except OSError as error:
        raise StoreFault("backup", f"{path}: {error.strerror}; give a backup file") from None


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise StoreFault("backup", f"{path} is cut or is no copy that `wardline backup` made")
    return value


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a file that `examine` found to be ours."""
    for line in _read_lines(path):
        value = json.loads(line)
        if "table" in value:
            yield value["table"], {key: _value(cell) for key, cell in value["row"].items()}


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    for line in _read_lines(path):
        value = json.loads(line)
        if "file" in value:
            data = _value(value.get("data"))
            if not isinstance(value["file"], str) or not isinstance(data, bytes):
                raise StoreFault("backup", "a file of the copy is not whole")
            yield value["file"], data


def _value(cell: object) -> object:
    if not isinstance(cell, dict):
        return cell
    try:
        return base64.b64decode(cell["b"], validate=True)
    except (KeyError, ValueError, binascii.Error):
        raise StoreFault("backup", "a row of the copy is not whole") from None


def _refuse_full(database: Database, practice_id: str) -> None:
    if not database.version():
        return
    with database.connected(writes=False) as connection:
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.tables.values():
            if "practice_id" in table.c and _any(connection, table, practice_id):
                raise StoreFault(
                    "not_empty",
                    f"the store at {database.location.shown()} is not empty; restore into an empty one:"
                    " stop the server and move its files away, or name another store.directory or database",
                )


def _any(connection: Any, table: Table, practice_id: str) -> bool:
    query = select(table.c.practice_id).where(table.c.practice_id == practice_id).limit(1)
    return connection.execute(query).first() is not None


def _plain(practice_id: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "?" for c in practice_id)[:40]
