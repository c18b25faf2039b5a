"""Changing the install key while calls run: every data key is wrapped anew, then the old key is dropped.

A crash at any point leaves both keys in the key file and a rotation that goes on when it is started again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import delete, select, update

from phi.envelope import KeyRing, Place, SealBroken, Wrapped
from pipeline.store.faults import StoreFault
from pipeline.store.keys import KeySource
from pipeline.store.proofs import keys_of
from pipeline.store.records import Records
from pipeline.store.schema import DataKeyRow, KeyRow

BATCH = 200
"""Data keys in one transaction: a call's commit waits for one batch at most, some milliseconds."""


def rotate(records: Records, source: KeySource, wrap_others: Callable[[], int] = lambda: 0) -> int:
    """Replace the install key; returns how many data keys were wrapped anew.

    `wrap_others` does the same for keys that are kept outside the database, before the old key is dropped.
    """
    ring = source.load()
    records.ring = ring
    sealed_with = keys_of(records.database, records.practice_id)
    begun = len(ring.keys) > 1 and sealed_with[:1] != (ring.current,)
    unfinished = len(sealed_with) > 1 and sealed_with[0] == ring.current
    if not begun and not unfinished:
        records.proofs.check()
        ring = ring.rotated()
        source.replace(ring)
    records.ring = ring
    if not unfinished:
        _announce(records)
    count = 0
    while wrapped := _wrap_some(records):
        count += wrapped
    count += wrap_others()
    _drop_old(records, source, ring)
    records.database.scrub()
    return count


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


def _wrap_some(records: Records) -> int:
    ring = records.ring
    with records.database.writing() as session:
        rows = list(
            session.scalars(
                select(DataKeyRow)
                .where(
                    DataKeyRow.practice_id == records.practice_id,
                    DataKeyRow.key_id != ring.current,
                    DataKeyRow.wrapped.is_not(None),
                )
                .limit(BATCH)
                .with_for_update()
            )
        )
        for row in rows:
            place = Place(records.practice_id, row.request_id, "data key")
            try:
                data_key = ring.unwrap(Wrapped(row.key_id, row.wrapped or b""), place)
            except SealBroken:
                raise StoreFault(
                    "damaged",
                    f"request {row.request_id} does not open: its row was changed or damaged; bring back a copy with"
                    " `wardline restore`. Both keys stay in the key file; rotate again afterwards",
                ) from None
            wrapped = ring.wrap(data_key, place)
            row.key_id, row.wrapped = wrapped.key_id, wrapped.sealed
        return len(rows)


def _drop_old(records: Records, source: KeySource, ring: KeyRing) -> None:
    """Forget the old key, unless another practice's rows still need it."""
    with records.database.writing() as session:
        session.execute(
            delete(KeyRow).where(
                KeyRow.practice_id == records.practice_id, KeyRow.key_id != ring.current
            )
        )
        needed = set(session.scalars(select(KeyRow.key_id)))
    kept = {key_id: key for key_id, key in ring.keys.items() if key_id in needed}
    source.replace(replace(ring, keys=kept))
