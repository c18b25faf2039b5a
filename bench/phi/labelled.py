"""The labelled set as a file: items, their records and the marked spans. Knows no redactor and no template.

One item a line. Offsets count characters of the record's text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import LabelledSetInvalid

FOLDER = Path(__file__).parent / "set"
DEVELOPMENT = FOLDER / "development.jsonl"
TEST_HALF = FOLDER / "test_half.jsonl"

CLEAN = frozenset({"clean", "clean_spanish"})
"""Categories in which not one character may change."""


@dataclass(frozen=True, slots=True)
class Span:
    """A marked stretch of a record."""

    start: int
    end: int
    type: str
    neutral: bool = False
    """True for a weekday, or a year beside a date: scored neither way."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line that a redactor is given."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to get right: a record, or several of one call in order."""

    id: str
    template: str
    category: str
    lang: str
    records: tuple[Record, ...]
    known: dict[str, str]
    """Field to value: what the call had learnt before this item."""


def as_line(item: Item) -> str:
    """One line of the file."""
    records = [
        {"text": record.text, "spans": [_as_list(span) for span in record.spans]}
        for record in item.records
    ]
    return json.dumps(
        {
            "id": item.id,
            "template": item.template,
            "category": item.category,
            "lang": item.lang,
            "known": item.known,
            "records": records,
        },
        ensure_ascii=False,
    )


def write(path: Path, items: Iterable[Item]) -> None:
    """Replace the file."""
    path.write_text("".join(as_line(item) + "\n" for item in items), encoding="utf-8")


def read(path: Path) -> list[Item]:
    """All items of a file; LabelledSetInvalid names the line that is wrong, not its content."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise LabelledSetInvalid(
            f"cannot read {path.name}: run tools/make_phi_set.py to make it"
        ) from None
    items = []
    for number, line in enumerate(lines, 1):
        try:
            items.append(_item(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            raise LabelledSetInvalid(f"{path.name}, line {number} is not a labelled item") from None
    return items


def _item(data: dict[str, Any]) -> Item:
    return Item(
        id=data["id"],
        template=data["template"],
        category=data["category"],
        lang=data["lang"],
        known=dict(data["known"]),
        records=tuple(
            Record(record["text"], tuple(_span(span, record["text"]) for span in record["spans"]))
            for record in data["records"]
        ),
    )


def _span(data: list[Any], text: str) -> Span:
    start, end, kind = data[:3]
    if not 0 <= start < end <= len(text):
        raise ValueError("a span lies outside its text")
    return Span(start, end, kind, data[3:] == ["neutral"])


def _as_list(span: Span) -> list[Any]:
    plain: list[Any] = [span.start, span.end, span.type]
    return [*plain, "neutral"] if span.neutral else plain
