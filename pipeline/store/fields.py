"""The closed schema of a request: which fields there are, what each may hold, and which of them are kept.

One source for every place that asks: the call's own checks, the JSON Schema a model is held to, and the
store. A calculation; its faults name fields of the practice's own flow, never a value.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

from pipeline.errors import resembles

PARTS_OF_DAY: Final = ("morning", "afternoon", "evening")
_LONGEST: Final = 80
_OLDEST_YEAR: Final = 1900


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field may hold. `pattern` is for JSON Schema (ECMA-262); ours is always a full match."""

    name: str
    pattern: str
    accepts: Callable[[str], bool]
    characters_max: int = _LONGEST

    def takes(self, text: str) -> bool:
        """Whether the whole text is one."""
        return len(text) <= self.characters_max and self.accepts(text)


def _matching(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: bool(compiled.fullmatch(text))


def _real_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        return date.fromisoformat(text).year >= _OLDEST_YEAR
    except ValueError:
        return False


_LETTERS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("choice", "", lambda text: bool(text), 40),
        Kind(
            "first_name",
            r"^\p{L}+(?:['’\-]\p{L}+)*$",
            lambda text: bool(_LETTERS.fullmatch(text)),
            40,
        ),
        Kind(
            "phone",
            "^[2-9][0-9]{2}[2-9][0-9]{6}$",
            _matching("[2-9][0-9]{2}[2-9][0-9]{6}"),
            10,
        ),
        Kind("phone_e164", r"^\+[1-9][0-9]{1,14}$", _matching(r"\+[1-9][0-9]{1,14}"), 16),
        Kind("mrn", "^[A-Z0-9]{8,12}$", _matching("[A-Z0-9]{8,12}"), 12),
        Kind("ssn4", "^[0-9]{4}$", _matching("[0-9]{4}"), 4),
        Kind("dob", _DATE, _real_date, 10),
        Kind("date", _DATE, _real_date, 10),
        Kind(
            "time_slot",
            "^(?:morning|afternoon|evening|(?:[01][0-9]|2[0-3]):[0-5][0-9])$",
            _matching("morning|afternoon|evening|(?:[01][0-9]|2[0-3]):[0-5][0-9]"),
            9,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of a request."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    required: bool = False
    store: bool = False
    """Reaches the store, sealed. False unless the flow says so (row D11)."""
    lookup: bool = False
    """A keyed token of it is stored, so that earlier requests of the same value are found (row D17)."""

    def accepted(self, value: object) -> str | None:
        """The value as it is kept, or None when it is not one; composed accents, whatever the source wrote."""
        if not isinstance(value, str):
            return None
        text = unicodedata.normalize("NFC", value)
        good = self.kind.takes(text) and (not self.choices or text in self.choices)
        return text if good else None

    def as_json_schema(self) -> dict[str, Any]:
        """For a model's guided decoding."""
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        schema: dict[str, Any] = {
            "type": "string",
            "maxLength": self.kind.characters_max,
            "pattern": self.kind.pattern,
        }
        return {**schema, "format": "date"} if self.kind.accepts is _real_date else schema


@dataclass(frozen=True)
class RequestSchema:
    """Every field a request may have; anything else is refused (row D9)."""

    fields: tuple[FieldRule, ...]

    @cached_property
    def by_name(self) -> Mapping[str, FieldRule]:
        """Rules by field."""
        return {rule.name: rule for rule in self.fields}

    @cached_property
    def stored(self) -> frozenset[str]:
        """Fields that reach the store."""
        return frozenset(rule.name for rule in self.fields if rule.store)

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """Required fields that are not among these (row D12)."""
        return tuple(rule.name for rule in self.fields if rule.required and rule.name not in names)

    def json_schema(self) -> dict[str, Any]:
        """The whole as JSON Schema 2020-12: closed."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": False,
            "required": [rule.name for rule in self.fields if rule.required],
            "properties": {rule.name: rule.as_json_schema() for rule in self.fields},
        }

    @cached_property
    def digest(self) -> str:
        """Which schema a stored request obeyed."""
        return hashlib.sha256(json.dumps(self.json_schema(), sort_keys=True).encode()).hexdigest()[
            :16
        ]


def read_schema(
    table: object, defaults: Mapping[str, str], choices: Mapping[str, Sequence[str]]
) -> tuple[RequestSchema, list[str]]:
    """Build the schema from a flow's `[request]`, with every fault at once.

    `defaults` names the fields the conversation fills, with their kinds; the file may say more of them and
    add none the conversation does not know. A field it leaves out is required and not stored.
    """
    faults: list[str] = []
    if not isinstance(table, dict):
        faults.append("request: must be tables like [request.phone]")
        table = {}
    for name in table:
        if name not in defaults:
            known = ", ".join(defaults)
            faults.append(f"request.{_shown(name, defaults)}: no such field; write one of {known}")
    rules: list[FieldRule] = []
    for name, kind in defaults.items():
        rules.append(_rule(name, kind, tuple(choices.get(name, ())), table.get(name, {}), faults))
    return RequestSchema(tuple(rules)), faults


def _rule(
    name: str, kind: str, choices: tuple[str, ...], item: object, faults: list[str]
) -> FieldRule:
    flags = {"required": True, "store": False, "lookup": False}
    if not isinstance(item, dict):
        faults.append(f"request.{name}: must be a table with store, required, lookup")
        item = {}
    for key, value in item.items():
        if key not in flags:
            faults.append(
                f"request.{name}.{_shown(key, flags)}: unknown key; write store, required or lookup"
            )
        elif not isinstance(value, bool):
            faults.append(f"request.{name}.{key}: write true or false")
        else:
            flags[key] = value
    if kind == "choice" and not choices:
        faults.append(f"request.{name}: has nothing to choose from")
    return FieldRule(name, KINDS[kind], choices, **flags)


def _shown(key: object, known: Iterable[str]) -> str:
    return key if isinstance(key, str) and resembles(key, known) else "?"
