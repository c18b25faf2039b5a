"""What a tool's arguments may be: the part of JSON Schema that a server can enforce, and our own check of it.

A model is asked to keep to the schema and is not believed. A schema with anything this file cannot check is refused
when the tool is made, so that what a schema says is what is checked. Names of arguments are told, never values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

UNREADABLE: Final = "_unreadable"
"""Stands for arguments that are no JSON object; no tool can declare it, so every tool refuses it."""

TEXT_CHARACTERS_MAX = 500
"""Of an argument without a limit of its own: nobody says more in a sentence."""
ITEMS_MAX = 32

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEYWORDS = {
    "string": {"enum", "pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set(),
    "array": {"items", "maxItems"},
}
_ALWAYS = {"type", "description"}


class SchemaInvalid(ValueError):
    """A tool cannot be offered: its schema says something that would not be checked."""


def check_schema(properties: Mapping[str, Any], required: Collection[str]) -> None:
    """Raise SchemaInvalid unless every word of this schema is one that `refused` checks."""
    if not isinstance(properties, Mapping):
        raise SchemaInvalid("the arguments' schema must be a table of names")
    for name, shape in properties.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SchemaInvalid("an argument's name is lower-case letters, digits and underscores")
        _check_shape(name, shape)
    for name in required:
        if name not in properties:
            raise SchemaInvalid(f"{name} is required and not declared")


def _check_shape(name: str, shape: Any) -> None:
    kind = shape.get("type") if isinstance(shape, Mapping) else None
    if kind not in _KEYWORDS:
        raise SchemaInvalid(f"{name}: write a type: {', '.join(_KEYWORDS)}")
    strange = set(shape) - _KEYWORDS[kind] - _ALWAYS
    if strange:
        raise SchemaInvalid(f"{name}: {', '.join(sorted(map(str, strange)))} is not checked here")
    if "pattern" in shape:
        try:
            re.compile(shape["pattern"])
        except (re.error, TypeError):
            raise SchemaInvalid(f"{name}: the pattern is no regular expression") from None
    if kind == "array":
        _check_shape(name, shape.get("items"))


def refused(
    properties: Mapping[str, Any], required: Collection[str], arguments: Mapping[str, object]
) -> str:
    """The name of the first argument that does not fit, "" when all do."""
    for name in required:
        if name not in arguments:
            return name
    for name, value in arguments.items():
        if name not in properties or not _fits(properties[name], value):
            return name if name in properties else UNREADABLE
    return ""


def _fits(shape: Mapping[str, Any], value: object) -> bool:
    match shape["type"]:
        case "string":
            return isinstance(value, str) and _fits_text(shape, value)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return (
                isinstance(value, list)
                and len(value) <= min(shape.get("maxItems", ITEMS_MAX), ITEMS_MAX)
                and all(_fits(shape["items"], item) for item in value)
            )
        case kind:
            return _fits_number(shape, value, (int,) if kind == "integer" else (int, float))


def _fits_text(shape: Mapping[str, Any], value: str) -> bool:
    if "enum" in shape and value not in shape["enum"]:
        return False
    if not shape.get("minLength", 0) <= len(value) <= shape.get("maxLength", TEXT_CHARACTERS_MAX):
        return False
    if not value.isprintable():  # line breaks, controls and marks that change how text is read
        return False
    # The server's grammar takes a pattern as a whole; so is it here, with or without its anchors.
    return "pattern" not in shape or re.fullmatch(shape["pattern"], value) is not None


def _fits_number(shape: Mapping[str, Any], value: object, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    low, high = shape.get("minimum", -(2**53)), shape.get("maximum", 2**53)
    return bool(low <= value <= high)
