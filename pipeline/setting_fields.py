"""How a setting is declared: its default and what it may be, as a field of a dataclass. `pipeline.setting_kinds` judges."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def number(default: int, low: int, high: int) -> Any:
    """A whole number between two limits."""
    return field(default=default, metadata={"low": low, "high": high})


def one_of(default: str, *choices: str) -> Any:
    """One word of a few."""
    return field(default=default, metadata={"choices": choices})


def text(default: str = "", **rules: Any) -> Any:
    """A text; `rules` say of which kind."""
    return field(default=default, metadata=rules)


def items(*default: str, **rules: Any) -> Any:
    """Several texts."""
    return field(default=default, metadata=rules)


def tables(of: type) -> Any:
    """`[[name]]` in the file, any number of times, each with the settings of this class."""
    return field(default=(), metadata={"table": of})
