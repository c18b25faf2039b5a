"""Requests of invented callers."""

from __future__ import annotations

from pipeline.store.draft import Snapshot, State
from pipeline.store.records import Records
from pipeline.store.schema import DataKeyRow, RequestRow

NAMES = ("José", "Siobhán", "O'Neil", "Mary-Ann", "Zoë", "Nuñez")
REASONS = ("vaccination", "check_up", "follow_up")


def phone(number: int) -> str:
    return f"212555{number % 10_000:04d}"


def snapshot(
    number: int,
    *,
    revision: int = 1,
    state: State = State.COMPLETE,
    ended: str = "goodbye",
    created_at_ms: int = 1_790_000_000_000,
    fields: dict[str, str] | None = None,
) -> Snapshot:
    """The request of invented caller `number`."""
    values = fields or {
        "first_name": NAMES[number % len(NAMES)],
        "phone": phone(number),
        "reason": REASONS[number % len(REASONS)],
        "day": "2026-03-10",
        "time": "15:30",
    }
    return Snapshot(
        f"{number:032x}",
        f"c{number}",
        state,
        values,
        {"phone": values["phone"]} if "phone" in values else {},
        created_at_ms,
        revision,
        "",
        ended,
        "0123456789abcdef",
    )


def damage(records: Records, number: int, column: str = "document") -> str:
    """Flip one bit of the document or of the wrapped key of an invented caller's request; returns its id."""
    request_id = snapshot(number).request_id
    with records.database.writing() as session:
        row = session.get(RequestRow if column == "document" else DataKeyRow, request_id)
        sealed = bytearray(getattr(row, column))
        sealed[len(sealed) // 2] ^= 1
        setattr(row, column, bytes(sealed))
    return request_id
