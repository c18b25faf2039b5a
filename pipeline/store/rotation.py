"""Changing the install key while calls run: every data key is wrapped anew, then the old key is dropped.

A crash at any point leaves both keys in the key file and a rotation that goes on when it is started again. A data key
that does not open keeps its old key for itself alone, until somebody destroys what it sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import delete, select, update

from phi.envelope import EnvelopeError, Place, Wrapped
from pipeline.store.faults import ScrubOwed
from pipeline.store.keys import KeySource
from pipeline.store.proofs import keys_of
from pipeline.store.records import Records
from pipeline.store.schema import DataKeyRow, KeyRow

BATCH = 200
"""Data keys in one transaction: a call's commit waits for one batch at most, some milliseconds."""

WrapOthers = Callable[[], tuple[int, Mapping[str, str]]]
"""Wraps keys that are kept outside the database; how many, and by id of what does not open the key that it needs."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a change of the key came to."""

    count: int
    """Data keys that were wrapped anew."""
    unopened: tuple[str, ...]
    """Requests whose data key does not open: an older key is kept for them."""
    others_unopened: tuple[str, ...]
    """The same of what is kept outside the database."""
    owed: str
    """Why bytes of the old wrapping are still in the file; "" when they are not."""


def rotate(
    records: Records, source: KeySource, wrap_others: WrapOthers = lambda: (0, {})
) -> Rotated:
    """Replace the install key.

    `wrap_others` wraps what is kept outside the database, before the old key is dropped.
    """
    records.ring = source.load()
    sealed_with = keys_of(records.database, records.practice_id)
    if len(sealed_with) > 1 and sealed_with[0] == records.ring.current:
        rotated = _finish(records, source, wrap_others)
        if rotated.count:
            return rotated
        # It had not broken off: the older key was there only for what does not open.
    _begin(records, source, sealed_with)
    return _finish(records, source, wrap_others)


def _begin(records: Records, source: KeySource, sealed_with: tuple[str, ...]) -> None:
    ring = source.load()
    is_made = len(ring.keys) > 1 and sealed_with[:1] != (ring.current,)
    if not is_made:
        records.proofs.check()
        ring = ring.rotated()
        source.replace(ring)
    records.ring = ring
    _announce(records)


def _finish(records: Records, source: KeySource, wrap_others: WrapOthers) -> Rotated:
    looked_at, after = 0, ""
    unopened: list[str] = []
    while ids := _wrap_some(records, after, unopened):
        looked_at += len(ids)
        after = ids[-1]
    others, others_unopened = wrap_others()
    _drop_old(records, source, frozenset(others_unopened.values()))
    owed = ""
    try:
        records.database.scrub()
    except ScrubOwed as error:
        owed = str(error)
    count = looked_at - len(unopened) + others
    return Rotated(count, tuple(unopened), tuple(others_unopened), owed)


def _announce(records: Records) -> None:
    """From this commit on every writer asks for the new key."""
    with records.database.writing() as session:
        for row in session.scalars(
            select(KeyRow).where(KeyRow.practice_id == records.practice_id).with_for_update()
        ):
            records.proofs.check_row(row)
        session.execute(
            update(KeyRow).where(KeyRow.practice_id == records.practice_id).values(is_current=False)
        )
        session.add(records.proofs.row_for(records.ring))


def _wrap_some(records: Records, after: str, unopened: list[str]) -> list[str]:
    """Wrap the next batch behind this id; ids of all of it, none when that was all.

    Nothing new comes before `after`: since the announcement every writer uses the new key.
    """
    ring = records.ring
    with records.database.writing() as session:
        rows = list(
            session.scalars(
                select(DataKeyRow)
                .where(
                    DataKeyRow.practice_id == records.practice_id,
                    DataKeyRow.request_id > after,
                    DataKeyRow.key_id != ring.current,
                    DataKeyRow.wrapped.is_not(None),
                )
                .order_by(DataKeyRow.request_id)
                .limit(BATCH)
                .with_for_update()
            )
        )
        for row in rows:
            place = Place(records.practice_id, row.request_id, "data key")
            try:
                data_key = ring.unwrap(Wrapped(row.key_id, row.wrapped or b""), place)
            except EnvelopeError:
                unopened.append(row.request_id)
                continue
            wrapped = ring.wrap(data_key, place)
            row.key_id, row.wrapped = wrapped.key_id, wrapped.sealed
        return [row.request_id for row in rows]


def _drop_old(records: Records, source: KeySource, others_need: frozenset[str]) -> None:
    """Forget older keys, unless something that does not open, or another practice's row, still needs one."""
    ring, practice_id = records.ring, records.practice_id
    with records.database.writing() as session:
        still = select(DataKeyRow.key_id).where(
            DataKeyRow.practice_id == practice_id, DataKeyRow.wrapped.is_not(None)
        )
        keep = {ring.current, *others_need, *session.scalars(still.distinct())}
        session.execute(
            delete(KeyRow).where(KeyRow.practice_id == practice_id, KeyRow.key_id.not_in(keep))
        )
        needed = set(session.scalars(select(KeyRow.key_id)))
    kept = {key_id: key for key_id, key in ring.keys.items() if key_id in needed}
    source.replace(replace(ring, keys=kept))
