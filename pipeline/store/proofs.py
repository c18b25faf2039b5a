"""Whether a key is the store's own: for each key a row that only it opens, with the deployment the store belongs to.

Refuses to know any request: what is sealed here is one word and a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from phi.envelope import KeyRing, KeyUnknown, Place, SealBroken, Wrapped
from pipeline.store.database import Database
from pipeline.store.faults import KeyFault
from pipeline.store.keys import other_deployment
from pipeline.store.schema import KeyRow

_PROOF: Final = b"wardline"


def plain_id(key_id: str) -> str:
    """A key id as the database says it, safe to print."""
    return key_id if key_id.isalnum() and key_id.isascii() else "?"


def keys_of(database: Database, practice_id: str) -> tuple[str, ...]:
    """Ids of the keys this practice's rows need, the current one first; none: nothing was ever sealed."""
    with database.reading() as session:
        rows = session.scalars(
            select(KeyRow.key_id)
            .where(KeyRow.practice_id == practice_id)
            .order_by(KeyRow.is_current.desc())
        )
        return tuple(plain_id(key_id) for key_id in rows)


class KeyProofs:
    """One practice's rows of keys, tried with the ring its requests are written with."""

    def __init__(
        self,
        database: Database,
        practice_id: str,
        ring: Callable[[], KeyRing],
        now_ms: Callable[[], int],
    ) -> None:
        """Nothing is opened; `ring` says which one is in use."""
        self._database = database
        self._practice_id = practice_id
        self._ring = ring
        self._now_ms = now_ms

    def check(self) -> None:
        """Refuse a key that is not the store's; changes nothing."""
        with self._database.reading() as session:
            self.check_within(session)

    def check_within(self, session: Session) -> None:
        """The same as a part of somebody's transaction."""
        for row in session.scalars(
            select(KeyRow).where(
                KeyRow.practice_id == self._practice_id, KeyRow.is_current.is_(True)
            )
        ):
            self.check_row(row)

    def enter(self) -> None:
        """Enter the key at the first start; later refuse another one."""
        with self._database.writing() as session:
            rows = list(
                session.scalars(select(KeyRow).where(KeyRow.practice_id == self._practice_id))
            )
            if not rows:
                session.add(self.row_for(self._ring()))
                return
            for row in rows:
                self.check_row(row)

    def row_for(self, ring: KeyRing) -> KeyRow:
        """The row that says: this key is in use, and here is what only it opens."""
        proof = ring.wrap(_proof_of(ring.deployment), self._place())
        return KeyRow(
            practice_id=self._practice_id,
            key_id=ring.current,
            is_current=True,
            proof=proof.sealed,
            created_at_ms=self._now_ms(),
        )

    def check_row(self, row: KeyRow) -> None:
        """Raise `KeyFault` unless our ring holds the very key of this row and the row is of our deployment."""
        bound, own = self._bound_to(row), self._ring().deployment
        if bound and own and bound != own:
            where = f"the store at {self._database.location.shown()}"
            raise KeyFault("deployment", other_deployment(where, bound, own))

    def bind(self, adopt: str = "") -> None:
        """Write our deployment into each proof that names none, or the one that is adopted."""
        with self._database.writing() as session:
            self.bind_within(session, adopt)

    def bind_within(self, session: Session, adopt: str) -> None:
        """The same as a part of somebody's transaction."""
        ring = self._ring()
        for row in session.scalars(
            select(KeyRow).where(KeyRow.practice_id == self._practice_id).with_for_update()
        ):
            bound = self._bound_to(row)
            if bound != ring.deployment and bound in {"", adopt}:
                row.proof = self.row_for(replace(ring, current=row.key_id)).proof

    def _bound_to(self, row: KeyRow) -> str:
        """The deployment that this row's proof names; "": none yet."""
        ring = self._ring()
        try:
            proof = ring.unwrap(Wrapped(row.key_id, row.proof), self._place())
        except (KeyUnknown, SealBroken):
            raise KeyFault(
                "wrong_key",
                f"the store at {self._database.location.shown()} was sealed with key {plain_id(row.key_id)}, and the"
                f" key in use is {ring.current}: this is not the store's key. Bring back the right one with"
                " `wardline key import FILE`. Nothing was changed",
            ) from None
        return proof.removeprefix(_PROOF).decode(errors="replace").strip()

    def _place(self) -> Place:
        return Place(self._practice_id, "proof", "proof")


def _proof_of(deployment: str) -> bytes:
    """The word only the key opens, and whose store this is: what is sealed nobody changes without the key."""
    return _PROOF + (b"\n" + deployment.encode() if deployment else b"")
