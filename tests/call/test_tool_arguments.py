"""A schema that could not be checked is refused at once, and arguments are what their schema says."""

from __future__ import annotations

from typing import Any

import pytest

from phi.guard import ResultShape
from pipeline.call.tool_arguments import SchemaInvalid, check_schema, refused
from pipeline.call.tools import Tool

SHAPES: dict[str, Any] = {
    "day": {"type": "string", "enum": ["monday", "tuesday"]},
    "code": {"type": "string", "pattern": "^[a-z]{2}$", "description": "two letters"},
    "count": {"type": "integer", "minimum": 1, "maximum": 5},
    "share": {"type": "number"},
    "first": {"type": "boolean"},
    "days": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2},
}


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"day": "monday"}, ""),
        ({"day": "monday", "code": "ab", "count": 5, "share": 0.5, "first": False, "days": ["a"]}, ""),
        ({}, "day"),
        ({"day": "Monday"}, "day"),
        ({"day": None}, "day"),
        ({"day": "monday", "code": "abc"}, "code"),
        ({"day": "monday", "code": "ab\n"}, "code"),
        ({"day": "monday", "count": 6}, "count"),
        ({"day": "monday", "count": True}, "count"),
        ({"day": "monday", "count": 1.0}, "count"),
        ({"day": "monday", "share": float("nan")}, "share"),
        ({"day": "monday", "share": 1e300}, "share"),
        ({"day": "monday", "first": "true"}, "first"),
        ({"day": "monday", "days": ["a", "b", "c"]}, "days"),
        ({"day": "monday", "days": ["long"]}, "days"),
        ({"day": "monday", "days": {"0": "a"}}, "days"),
        ({"day": "monday", "name of a patient": "x"}, "_unreadable"),
    ],
)  # fmt: skip
def test_arguments_are_what_the_schema_says(arguments: dict[str, Any], wrong: str) -> None:
    assert refused(SHAPES, ("day",), arguments) == wrong


@pytest.mark.parametrize(
    "properties",
    [
        "PROPERTIES",
        {"Day": {"type": "string"}},
        {"day": "string"},
        {"day": {}},
        {"day": {"type": "date"}},
        {"day": {"type": "object"}},
        {"day": {"type": "string", "format": "date"}},
        {"day": {"type": "string", "pattern": "("}},
        {"day": {"type": "array"}},
        {"_unreadable": {"type": "boolean"}},
    ],
)
def test_row_x31_a_schema_that_would_not_be_checked_is_refused_when_the_tool_is_made(
    properties: Any,
) -> None:
    async def run(_: object) -> object:
        return {}

    with pytest.raises(SchemaInvalid):
        Tool("note", "Notes.", properties, (), run, ResultShape({}))


def test_what_is_required_has_to_be_declared() -> None:
    with pytest.raises(SchemaInvalid, match="time is required"):
        check_schema(SHAPES, ("time",))
