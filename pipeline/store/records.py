"""Requests in the database: written whole, read by id, claimed, resolved, shredded. Everything here blocks.

The one place where a document is sealed and opened, and whole for that reason: whoever checks what may touch an open
one reads one file. Who may do what, and the record of who did, is the
caller's affair; who asks is named in every change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session, defer

from phi.envelope import (
    KeyRing,
    KeyUnknown,
    Place,
    SealBroken,
    Wrapped,
    new_data_key,
    seal,
    unseal,
)
from pipeline.store.database import Database
from pipeline.store.document import Document
from pipeline.store.draft import Snapshot, State
from pipeline.store.faults import KeyFault, RequestGone, StoreFault
from pipeline.store.proofs import KeyProofs, plain_id
from pipeline.store.schema import DataKeyRow, HoldRow, KeyRow, LookupRow, RequestRow

OPEN_AT_MOST_MS: Final = 3 * 3_600_000
"""No call is longer (limits.call_limit_ms is 2 h at most): an open request this old lost its server."""
_ROWS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A request without its content: what a list may show."""

    id: str
    call_id: str
    state: State
    created_at_ms: int
    updated_at_ms: int
    ended: bool
    claimed_by: str | None
    resolved_by: str | None
    gone: str | None
    """Why there is no content any more: "redacted", "deleted", "expired", "purged"."""
    held: bool


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A request with its content. Whoever makes one owes a PHI Access record."""

    entry: Entry
    document: Document

    def __repr__(self) -> str:
        """Without the content."""
        return f"Opened({self.entry.id}, {self.document!r})"


class Records:
    """One practice's requests, for one user of the database (a thread, a command)."""

    def __init__(
        self,
        database: Database,
        practice_id: str,
        ring: KeyRing,
        reload: Callable[[], KeyRing],
        now_ms: Callable[[], int],
    ) -> None:
        """Nothing is opened; `reload` reads the key again after a rotation."""
        self.database = database
        self.practice_id = practice_id
        self.ring = ring
        self._reload = reload
        self.now_ms = now_ms
        self.proofs = KeyProofs(database, practice_id, lambda: self.ring, now_ms)

    def _follow_rotation(self, session: Session) -> None:
        """Write with the key the store calls current; reads the key again when that is not ours."""
        current = session.scalar(
            select(KeyRow.key_id)
            .where(KeyRow.practice_id == self.practice_id, KeyRow.is_current.is_(True))
            .with_for_update(read=True)  # a rotation waits for us, or we see it
        )
        if current == self.ring.current:
            return
        self.ring = self._reload()
        if (
            current is not None and current in self.ring.keys
        ):  # a rotation has begun and is not announced yet
            self.ring = replace(self.ring, current=current)
        else:
            raise KeyFault(
                "wrong_key",
                f"the store at {self.database.location.shown()} asks for key {plain_id(current or 'none')},"
                f" and the key in use is {self.ring.current}; bring back the right one with `wardline key import FILE`",
            )

    # --- writing --------------------------------------------------------------------------------

    def write(self, snapshot: Snapshot) -> None:
        """Commit a snapshot: on the disk when this returns. What is known already is never emptied."""
        with self.database.writing() as session:
            self._follow_rotation(session)
            row = session.get(RequestRow, snapshot.request_id, with_for_update=True)
            now_ms = self.now_ms()
            if row is None:
                row, data_key = self._begin(session, snapshot)
                document = Document()
            else:
                key_row = session.get(DataKeyRow, snapshot.request_id)
                if (
                    row.practice_id != self.practice_id
                    or key_row is None
                    or key_row.wrapped is None
                ):
                    raise RequestGone("gone", "the request was removed meanwhile")
                data_key = self._data_key(key_row)
                document = self._document(row, data_key)
            if row.revision and row.revision >= snapshot.revision:
                return
            newer = Document(
                snapshot.fields, snapshot.urgent, snapshot.ended, snapshot.schema_digest
            )
            row.document = self._sealed(data_key, row.id, document.merged(newer))
            if (
                snapshot.state is not State.OPEN
            ):  # a confirmation may be taken back, what is kept stays kept
                row.state = snapshot.state.value
            row.revision = snapshot.revision
            row.updated_at_ms = now_ms
            if snapshot.ended:
                row.ended_at_ms = now_ms
            session.execute(delete(LookupRow).where(LookupRow.request_id == row.id))
            session.add_all(self._lookups(row.id, snapshot.tokens))

    def _begin(self, session: Session, snapshot: Snapshot) -> tuple[RequestRow, bytes]:
        data_key = new_data_key()
        wrapped = self.ring.wrap(data_key, self._place(snapshot.request_id, "data key"))
        row = RequestRow(
            id=snapshot.request_id,
            practice_id=self.practice_id,
            call_id=snapshot.call_id,
            state=snapshot.state.value,
            revision=0,
            created_at_ms=snapshot.created_at_ms,
            updated_at_ms=snapshot.created_at_ms,
        )
        session.add(row)
        session.add(
            DataKeyRow(
                request_id=snapshot.request_id,
                practice_id=self.practice_id,
                key_id=wrapped.key_id,
                wrapped=wrapped.sealed,
                created_at_ms=self.now_ms(),
            )
        )
        return row, data_key

    def _lookups(self, request_id: str, tokens: Mapping[str, str]) -> Iterator[LookupRow]:
        for name, value in tokens.items():
            yield LookupRow(
                request_id=request_id,
                field=name,
                practice_id=self.practice_id,
                token=self.ring.lookup_token(self.practice_id, name, value),
            )

    # --- reading --------------------------------------------------------------------------------

    def entries(
        self, *, unresolved: bool = False, holding: tuple[str, str] | None = None
    ) -> list[Entry]:
        """Every request without content, the newest first; `holding`: those with this value in this field.

        None is left out: what a list does not show, nobody calls back about.
        """
        query = (
            select(RequestRow, DataKeyRow)
            .options(defer(RequestRow.document))
            .outerjoin(DataKeyRow, DataKeyRow.request_id == RequestRow.id)
            .where(RequestRow.practice_id == self.practice_id)
            .order_by(RequestRow.created_at_ms.desc(), RequestRow.id)
        )
        if unresolved:
            query = query.where(
                RequestRow.resolved_at_ms.is_(None), RequestRow.document.is_not(None)
            )
        if holding is not None:
            query = query.where(RequestRow.id.in_(self._holding(*holding)))
        with self.database.reading() as session:
            held = self.held(session)
            rows = session.execute(query).yield_per(_ROWS_AT_ONCE)
            return [_entry(row, key_row, held) for row, key_row in rows]

    def find(self, field: str, value: str) -> list[str]:
        """Ids of requests that hold this value, by its keyed token."""
        with self.database.reading() as session:
            return list(session.scalars(self._holding(field, value)))

    def _holding(self, field: str, value: str) -> Select[str]:
        return select(LookupRow.request_id).where(
            LookupRow.practice_id == self.practice_id,
            LookupRow.field == field,
            LookupRow.token == self.ring.lookup_token(self.practice_id, field, value),
        )

    def resolve_id(self, beginning: str) -> str:
        """The one request whose id begins so."""
        if not beginning.isalnum() or len(beginning) < 6:
            raise RequestGone(
                "no_such", "write at least six letters and digits of the request's id"
            )
        with self.database.reading() as session:
            found = list(
                session.scalars(
                    select(RequestRow.id)
                    .where(
                        RequestRow.practice_id == self.practice_id,
                        RequestRow.id.startswith(beginning, autoescape=True),
                    )
                    .limit(2)
                )
            )
        if len(found) != 1:
            raise RequestGone(
                "no_such",
                "no request has this id"
                if not found
                else "several requests begin so; write more of the id",
            )
        return found[0]

    def of_call(self, call_id: str) -> str:
        """The request of a call."""
        with self.database.reading() as session:
            found = session.scalar(
                select(RequestRow.id).where(
                    RequestRow.practice_id == self.practice_id, RequestRow.call_id == call_id
                )
            )
        if found is None:
            raise RequestGone("no_such", "no request of this call is kept")
        return found

    def open(self, request_id: str) -> Opened:
        """A request with its content."""
        with self.database.reading() as session:
            row, key_row = self.row(session, request_id)
            entry = _entry(row, key_row, self.held(session))
            if row.document is None or key_row.wrapped is None:
                raise RequestGone("gone", f"the request {request_id} was {entry.gone or 'removed'}")
            return self._opened(row, key_row, entry)

    def all_opened(self, unopened: list[str] | None = None) -> Iterator[Opened]:
        """Every request that still has content, one consistent view.

        Ids of those that do not open are added to `unopened`; without it the first of them is raised.
        """
        with self.database.reading() as session:
            yield from self.opened_within(session, unopened)

    def opened_within(
        self, session: Session, unopened: list[str] | None = None
    ) -> Iterator[Opened]:
        """The same as a part of somebody's transaction."""
        held = self.held(session)
        query = (
            select(RequestRow, DataKeyRow)
            .outerjoin(DataKeyRow, DataKeyRow.request_id == RequestRow.id)
            .where(RequestRow.practice_id == self.practice_id, RequestRow.document.is_not(None))
            .order_by(RequestRow.created_at_ms, RequestRow.id)
        )
        for row, key_row in session.execute(query).yield_per(100):
            try:
                opened = self._opened(row, key_row, _entry(row, key_row, held))
            except StoreFault:
                if unopened is None:
                    raise
                unopened.append(row.id)
            else:
                yield opened

    def ids(self, session: Session) -> list[str]:
        """Of every request that still has content, whether it opens or not."""
        query = select(RequestRow.id).where(
            RequestRow.practice_id == self.practice_id, RequestRow.document.is_not(None)
        )
        return list(session.scalars(query))

    def count(self) -> int:
        """Requests that still have content."""
        with self.database.reading() as session:
            return (
                session.scalar(
                    select(func.count())
                    .select_from(RequestRow)
                    .where(
                        RequestRow.practice_id == self.practice_id,
                        RequestRow.document.is_not(None),
                    )
                )
                or 0
            )

    def held(self, session: Session) -> frozenset[str | None]:
        """What a legal hold names; None in it: everything."""
        return frozenset(
            session.scalars(
                select(HoldRow.request_id).where(
                    HoldRow.practice_id == self.practice_id, HoldRow.released_at_ms.is_(None)
                )
            )
        )

    def call_of(self, request_id: str) -> str:
        """The call a request was made in."""
        with self.database.reading() as session:
            return self.stored(session, request_id).call_id

    # --- what staff do ----------------------------------------------------------------------------

    def claim(self, request_id: str, user: str) -> None:
        """Say who takes care of it."""
        with self.database.writing() as session:
            row, _ = self.row(session, request_id)
            if row.claimed_by not in {None, user}:
                raise RequestGone("claimed", f"{row.claimed_by} has claimed this request already")
            row.claimed_by = user
            row.claimed_at_ms = row.claimed_at_ms or self.now_ms()

    def settle(self, request_id: str, user: str) -> None:
        """Say that it is done."""
        with self.database.writing() as session:
            row, _ = self.row(session, request_id)
            self.refuse_unless_final(row)
            row.resolved_by = row.resolved_by or user
            row.resolved_at_ms = row.resolved_at_ms or self.now_ms()

    def refuse_unless_final(self, row: RequestRow) -> None:
        """A request whose call goes on may still be read, not be removed or resolved (row O10)."""
        age_ms = self.now_ms() - row.updated_at_ms
        if row.ended_at_ms is None and age_ms < OPEN_AT_MOST_MS:
            raise RequestGone("call_goes_on", "the call of this request goes on; wait for its end")

    # --- parts ------------------------------------------------------------------------------------

    def stored(self, session: Session, request_id: str) -> RequestRow:
        """The row of a request of this practice, whether it opens or not."""
        row = session.get(RequestRow, request_id)
        if row is None or row.practice_id != self.practice_id:
            raise RequestGone("no_such", "no request has this id")
        return row

    def row(self, session: Session, request_id: str) -> tuple[RequestRow, DataKeyRow]:
        """The same with the row of its data key, which damage may have taken."""
        row = self.stored(session, request_id)
        key_row = session.get(DataKeyRow, request_id)
        if key_row is None:
            raise _damaged(request_id)
        return row, key_row

    def _opened(self, row: RequestRow, key_row: DataKeyRow | None, entry: Entry) -> Opened:
        if key_row is None:
            raise _damaged(row.id)
        return Opened(entry, self._document(row, self._data_key(key_row)))

    def document(self, row: RequestRow, key_row: DataKeyRow) -> Document:
        """The content of a row."""
        return self._document(row, self._data_key(key_row))

    def seal_anew(
        self, row: RequestRow, key_row: DataKeyRow, data_key: bytes, document: Document
    ) -> None:
        """Give a row another content under another data key."""
        wrapped = self.ring.wrap(data_key, self._place(row.id, "data key"))
        key_row.key_id, key_row.wrapped = wrapped.key_id, wrapped.sealed
        row.document = self._sealed(data_key, row.id, document)
        row.updated_at_ms = self.now_ms()

    def _data_key(self, key_row: DataKeyRow) -> bytes:
        wrapped = Wrapped(key_row.key_id, key_row.wrapped or b"")
        place = self._place(key_row.request_id, "data key")
        try:
            return self.ring.unwrap(wrapped, place)
        except KeyUnknown:
            self.ring = self._reload()
        except SealBroken:
            raise _damaged(key_row.request_id) from None
        try:
            return self.ring.unwrap(wrapped, place)
        except KeyUnknown as error:
            raise KeyFault(
                "wrong_key",
                f"request {key_row.request_id} needs key {plain_id(error.key_id)}, which is not in the key ring;"
                " bring back the copy you exported with `wardline key import FILE`",
            ) from None
        except SealBroken:
            raise _damaged(key_row.request_id) from None

    def _document(self, row: RequestRow, data_key: bytes) -> Document:
        try:
            text = unseal(data_key, row.document or b"", self._place(row.id, "document"))
        except SealBroken:
            raise _damaged(row.id) from None
        return Document.from_bytes(text)

    def _sealed(self, data_key: bytes, row_id: str, document: Document) -> bytes:
        return seal(data_key, document.to_bytes(), self._place(row_id, "document"))

    def _place(self, row_id: str, field: str) -> Place:
        return Place(self.practice_id, row_id, field)


def shred(session: Session, practice_id: str, ids: list[str], why: str, now_ms: int) -> None:
    """Destroy the keys of these requests, their content and look-ups; the tombstones stay."""
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        session.execute(
            update(DataKeyRow)
            .where(DataKeyRow.practice_id == practice_id, DataKeyRow.request_id.in_(some))
            .values(wrapped=None, destroyed_at_ms=now_ms, destroyed_why=why)
        )
        session.execute(
            update(RequestRow)
            .where(RequestRow.practice_id == practice_id, RequestRow.id.in_(some))
            .values(document=None, updated_at_ms=now_ms)
        )
        session.execute(
            delete(LookupRow).where(
                LookupRow.practice_id == practice_id, LookupRow.request_id.in_(some)
            )
        )


def _entry(row: RequestRow, key_row: DataKeyRow | None, held: frozenset[str | None]) -> Entry:
    return Entry(
        row.id,
        row.call_id,
        _state(row.state),
        row.created_at_ms,
        row.updated_at_ms,
        row.ended_at_ms is not None,
        row.claimed_by,
        row.resolved_by,
        key_row.destroyed_why if key_row is not None else "removed",
        None in held or row.id in held,
    )


def _state(word: str) -> State:
    """A damaged word hides no request: staff look at it as one that is not complete."""
    try:
        return State(word)
    except ValueError:
        return State.INCOMPLETE


def _damaged(request_id: str) -> StoreFault:
    return StoreFault(
        "damaged",
        f"request {request_id} does not open: its row was changed or damaged; an earlier copy (`wardline restore` into"
        " an empty folder) may have it whole. What is here can be destroyed: `wardline requests delete ID`",
    )
