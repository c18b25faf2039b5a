"""How requests end: expiry, redaction, deletion, purge. Destroying a call's key destroys what it sealed.

A tombstone stays for each, in the table and in a file beside the key, so that an older backup brings nothing
back. A legal hold stops all of them. Who asks, and the record of it, is the caller's affair.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from phi.envelope import new_data_key
from pipeline.store.document import Document
from pipeline.store.faults import RequestGone, ScrubOwed, StoreFault
from pipeline.store.records import OPEN_AT_MOST_MS, Records, shred
from pipeline.store.schema import DataKeyRow, HoldRow, KeyRow, LookupRow, RequestRow
from pipeline.store.tombstones import Tombstones
from pipeline.telemetry.events import Event, Token, emit

DAY_MS: Final = 86_400_000


class RequestsDestroyed(Event):
    """Keys of requests were destroyed."""

    why: Token
    count: int


def expire(records: Records, tombstones: Tombstones, days: int) -> int:
    """Destroy every request older than this that no hold names; returns how many.

    It comes round each hour and at each start: what readers kept an earlier destruction from is finished too.
    """
    now_ms = records.now_ms()
    with records.database.writing() as session:
        held = records.held(session)
        old = session.scalars(
            select(RequestRow.id)
            .join(DataKeyRow, DataKeyRow.request_id == RequestRow.id)
            .where(
                RequestRow.practice_id == records.practice_id,
                RequestRow.created_at_ms < now_ms - days * DAY_MS,
                RequestRow.updated_at_ms < now_ms - OPEN_AT_MOST_MS,
                DataKeyRow.wrapped.is_not(None),
            )
        )
        ids = [request_id for request_id in old if held.isdisjoint((None, request_id))]
        tombstones.add(ids, "expired", now_ms)
        shred(session, records.practice_id, ids, "expired", now_ms)
    if ids:
        emit(RequestsDestroyed(Token("expired"), len(ids)))
        records.database.scrub(patient=False)
    else:
        records.database.scrub_again()
    return len(ids)


def refuse_unless_removable(records: Records, request_id: str) -> None:
    """Raise what `redact` and `remove` would: before anything else of the call is destroyed."""
    with records.database.reading() as session:
        _removable(records, session, request_id)


def redact(records: Records, tombstones: Tombstones, request_id: str, fields: list[str]) -> None:
    """Destroy a request's content, or some of its fields: for good (row O10)."""
    with _removing(records, request_id) as (session, _):
        if not fields:
            tombstones.add([request_id], "redacted", records.now_ms())
            shred(session, records.practice_id, [request_id], "redacted", records.now_ms())
        else:
            row, key_row = records.row(session, request_id)
            _refuse_unknown(records.document(row, key_row), fields)
            tombstones.add_fields(request_id, fields, records.now_ms())
            take_out(records, session, row, key_row, fields)
    emit(RequestsDestroyed(Token("redacted"), 1))
    records.database.scrub()


def take_out(
    records: Records,
    session: Session,
    row: RequestRow,
    key_row: DataKeyRow,
    fields: Collection[str],
) -> None:
    """Seal what is left with a new key: the old bytes, wherever they lie, do not open with it."""
    document = records.document(row, key_row)
    left = {name: value for name, value in document.fields.items() if name not in fields}
    records.seal_anew(
        row,
        key_row,
        new_data_key(),
        Document(left, document.urgent, document.ended, document.schema_digest),
    )
    session.execute(
        delete(LookupRow).where(LookupRow.request_id == row.id, LookupRow.field.in_(fields))
    )


def remove(records: Records, tombstones: Tombstones, request_id: str) -> None:
    """Destroy a request and its row; only the tombstone stays."""
    with _removing(records, request_id) as (session, row):
        tombstones.add([request_id], "deleted", records.now_ms())
        shred(session, records.practice_id, [request_id], "deleted", records.now_ms())
        session.delete(row)
    emit(RequestsDestroyed(Token("deleted"), 1))
    records.database.scrub()


def hold(records: Records, request_id: str | None, user: str) -> None:
    """Place a legal hold on one request, or (None) on everything of the practice."""
    with records.database.writing() as session:
        if request_id is not None:
            records.stored(session, request_id)
        _hold(records, session, request_id, user)


def hold_recording(records: Records, recording_id: str, user: str) -> None:
    """Place a legal hold on one recording; it may outlive its request."""
    with records.database.writing() as session:
        _hold(records, session, recording_id, user)


def _hold(records: Records, session: Session, held_id: str | None, user: str) -> None:
    if held_id not in records.held(session):
        session.add(
            HoldRow(
                id=uuid4().hex,
                practice_id=records.practice_id,
                request_id=held_id,
                placed_by=user,
                placed_at_ms=records.now_ms(),
            )
        )


def held_recordings(records: Records) -> frozenset[str | None]:
    """Recordings that a hold names, and calls whose request one names; None in it: everything."""
    with records.database.reading() as session:
        held = records.held(session)
        calls = session.scalars(
            select(RequestRow.call_id).where(
                RequestRow.practice_id == records.practice_id, RequestRow.id.in_(held - {None})
            )
        )
        return held | frozenset(calls)


def release(records: Records, request_id: str | None, user: str) -> bool:
    """Lift a hold; False when there was none."""
    with records.database.writing() as session:
        lifted = session.scalars(
            update(HoldRow)
            .where(
                HoldRow.practice_id == records.practice_id,
                HoldRow.released_at_ms.is_(None),
                HoldRow.request_id.is_(None)
                if request_id is None
                else HoldRow.request_id == request_id,
            )
            .values(released_by=user, released_at_ms=records.now_ms())
            .returning(HoldRow.id)
        )
        return bool(list(lifted))


def logs_held(records: Records) -> bool:
    """True while a hold on the whole practice also keeps operational logs."""
    with records.database.reading() as session:
        return None in records.held(session)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a purge did, for the practice's files: ids and counts, nothing of a caller."""

    practice_id: str
    store: str
    purged_by: str
    purged_at: str
    """UTC with offset."""
    requests_destroyed: int
    recordings_destroyed: int
    destroyed_earlier: int
    """Expired, redacted or deleted before: their tombstones were there."""
    first_call_at: str
    last_call_at: str
    keys_destroyed: tuple[str, ...]
    """Ids of install keys whose file was removed; none when another practice still needs them."""
    checked: tuple[str, ...]
    not_covered: tuple[str, ...]

    def text(self) -> str:
        """JSON with its own digest at the end."""
        body = asdict(self)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        return json.dumps({**body, "sha256": digest}, indent=1) + "\n"


NOT_COVERED: Final = (
    "backups: destroy those you made, or destroy every exported copy of the key",
    "exported copies of the key",
    "what staff noted, printed or exported",
    "event files, end-of-call reports and the audit: they name calls and fields, nothing of a caller",
    "blocks a disk or a database server kept on its own (snapshots, write-ahead archives)",
)

OLD_BYTES: Final = "sealed bytes of the requests in the store's file: another program began to read it during the purge"


def purge(
    records: Records,
    tombstones: Tombstones,
    user: str,
    forget_key: Callable[[], tuple[str, ...]],
    purge_recordings: Callable[[], int] = lambda: 0,
) -> Certificate:
    """Destroy everything of the practice at the end of a contract (row O15); `forget_key` removes the key file.

    `purge_recordings` destroys those and returns how many; it is called once no hold stands in the way.
    """
    now_ms = records.now_ms()
    practice = records.practice_id
    _refuse_readers(records)
    with records.database.writing() as session:
        if records.held(session):
            raise RequestGone(
                "held", "a legal hold stands: release it first, with `wardline requests release`"
            )
        live = list(
            session.scalars(
                select(DataKeyRow.request_id).where(
                    DataKeyRow.practice_id == practice, DataKeyRow.wrapped.is_not(None)
                )
            )
        )
        earlier = _count(session, DataKeyRow.practice_id == practice) - len(live)
        first, last = session.execute(
            select(func.min(RequestRow.created_at_ms), func.max(RequestRow.created_at_ms)).where(
                RequestRow.practice_id == practice
            )
        ).one()
        tombstones.add(live, "purged", now_ms)
        shred(session, practice, live, "purged", now_ms)
        for table in (RequestRow, LookupRow, HoldRow, KeyRow):
            session.execute(delete(table).where(table.practice_id == practice))
        others = session.scalar(select(func.count()).select_from(KeyRow)) or 0
    not_covered = (*NOT_COVERED, *_left_of(records))
    with records.database.reading() as session:
        left = _count(session, DataKeyRow.practice_id == practice, DataKeyRow.wrapped.is_not(None))
        rows = session.scalar(
            select(func.count()).select_from(RequestRow).where(RequestRow.practice_id == practice)
        )
    if left or rows:
        raise StoreFault("purge", "a call was stored meanwhile; stop the server and purge again")
    records.database.close()
    recordings = purge_recordings()
    forgotten = () if others else forget_key()
    emit(RequestsDestroyed(Token("purged"), len(live)))
    return Certificate(
        practice,
        records.database.location.shown(),
        user,
        _iso(now_ms) or "",
        len(live),
        recordings,
        earlier,
        _iso(first) or "none",
        _iso(last) or "none",
        forgotten,
        (
            "no data key of the practice is left",
            "no request row of the practice is left",
            "no recording of the practice is left",
        ),
        not_covered,
    )


def forget_key_file(file: Path, key_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Overwrite and remove the key file; what its keys sealed anywhere is lost with the last copy."""
    try:
        size_bytes = file.stat().st_size
        with file.open("r+b") as opened:
            opened.write(os.urandom(size_bytes))
            opened.flush()
            os.fsync(opened.fileno())
        file.unlink()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreFault("permissions", f"cannot remove {file}: {error.strerror}") from None
    return key_ids


# --- parts --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _removing(records: Records, request_id: str) -> Iterator[tuple[Session, RequestRow]]:
    with records.database.writing() as session:
        yield session, _removable(records, session, request_id)


def _removable(records: Records, session: Session, request_id: str) -> RequestRow:
    """The request, if it may go; one that does not open may, whatever was damaged of it."""
    row = records.stored(session, request_id)
    held = records.held(session)
    if None in held or request_id in held:
        raise RequestGone(
            "held",
            "a legal hold stands on this request: release it first, with `wardline requests release`",
        )
    key_row = session.get(DataKeyRow, request_id)
    if key_row is not None and key_row.wrapped is None:
        raise RequestGone("gone", f"this request was {key_row.destroyed_why} already")
    records.refuse_unless_final(row)
    return row


def _left_of(records: Records) -> tuple[str, ...]:
    """What a purge that has begun is not stopped for: recordings and key go all the same, and the certificate tells it."""
    try:
        records.database.scrub()
    except ScrubOwed:
        return (OLD_BYTES,)
    return ()


def _refuse_readers(records: Records) -> None:
    """What is destroyed beside one would stay in the file, and the certificate would not be true."""
    try:
        records.database.scrub()
    except ScrubOwed:
        raise StoreFault(
            "purge",
            "another program (a backup, an export) reads the store; nothing was destroyed. Let it end and purge again",
        ) from None


def _refuse_unknown(document: Document, fields: list[str]) -> None:
    if any(name not in document.fields for name in fields):
        raise RequestGone("no_field", "this request holds no such field; `show` names those it has")


def _count(session: Session, *conditions: object) -> int:
    return (
        session.scalar(select(func.count()).select_from(DataKeyRow).where(*conditions))  # type: ignore[arg-type]  # clauses
        or 0
    )


def _iso(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
