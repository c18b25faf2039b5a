"""The shapes a field of an audit record may have: a subset of JSON Schema, and the one check of it.

A shape admits numbers, booleans, constants of ours, ids that we mint, names of fields and staff: nothing that a
caller said fits. A value that does not fit is refused by the name of its field alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

NAMES_MAX = 64
Shape = Mapping[str, Any]
Meta = dict[str, Shape]
"""The metadata of a dataclass field that has this shape."""


def choice(*values: str) -> Meta:
    """One of these constants."""
    return _shape({"enum": list(values)})


def pattern(text: str, *, optional: bool = False) -> Meta:
    """An id or constant that matches as a whole."""
    kind: object = ["string", "null"] if optional else "string"
    return _shape({"type": kind, "pattern": f"^(?:{text})$"})


def whole(high: int = 2**53) -> Meta:
    """A whole number from 0."""
    return _shape({"type": "integer", "minimum": 0, "maximum": high})


def number() -> Meta:
    """A number from 0."""
    return _shape({"type": "number", "minimum": 0, "maximum": 2**53})


def truth() -> Meta:
    """True or false."""
    return _shape({"type": "boolean"})


def always() -> Meta:
    """True, in every record of the type."""
    return _shape({"const": True})


def names(text: str = r"[a-z][a-z0-9_]{0,39}") -> Meta:
    """Names of fields, never what they hold."""
    items = {"type": "string", "pattern": f"^(?:{text})$"}
    return _shape({"type": "array", "items": items, "maxItems": NAMES_MAX})


def address() -> Meta:
    """An IP address of a member of staff; None: a command on this machine."""
    return _shape({"type": ["string", "null"], "format": "ip"})


def _shape(shape: Shape) -> Meta:
    return {"shape": shape}


def fits(shape: Shape, value: object) -> bool:
    """Whether a value has this shape. The only reader of shapes: what a schema says is what is checked."""
    if "enum" in shape:
        return isinstance(value, str) and value in shape["enum"]
    if "const" in shape:
        return value is shape["const"]
    kind = shape["type"]
    if isinstance(kind, list):
        if value is None:
            return True
        kind = kind[0]
    return _fits_kind(kind, shape, value)


def _fits_kind(kind: str, shape: Shape, value: object) -> bool:
    match kind:
        case "string":
            return isinstance(value, str) and _fits_text(shape, value)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return (
                isinstance(value, list | tuple)
                and len(value) <= shape["maxItems"]
                and all(fits(shape["items"], item) for item in value)
            )
        case _:
            kinds = (int,) if kind == "integer" else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds):
                return False
            return bool(shape["minimum"] <= value <= shape["maximum"])


def _fits_text(shape: Shape, value: str) -> bool:
    if shape.get("format") == "ip":
        try:
            return ip_address(value).compressed == value
        except ValueError:
            return False
    # `$` would let a final newline pass: the pattern's inside must match the whole.
    return value.isascii() and re.fullmatch(shape["pattern"][1:-1], value) is not None
