"""One call's identifiers, kept apart: what goes in comes out only to the reader it was collected for.

A conversation carries the handle (`{{patient.birth_date}}`), never the value. Values lie in buffers that are
overwritten when the call ends; a reader gets a short-lived copy. What Python has copied elsewhere meanwhile
(the text a reader was given) is beyond this file, as are swap and core files. Knows no call, store or tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from phi.forms import forget

HANDLE = re.compile(r"\{\{patient\.([a-z][a-z0-9_]{0,39})\}\}")
"""What a handle looks like inside a text."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class VaultError(Exception):
    """A handle could not be used; names the field and the reader, never a value."""


class UnknownHandle(VaultError):
    """Nothing was collected under this name, or the call is over."""


class NotYours(VaultError):
    """The value was collected for somebody else (row P12)."""


def handle(name: str) -> str:
    """The text that stands for a value: `{{patient.birth_date}}`."""
    if not _NAME.fullmatch(name):
        raise VaultError("a field's name is lower-case letters, digits and underscores")
    return f"{{{{patient.{name}}}}}"


class _Cell:
    """A value in a buffer of our own, and who may read it."""

    __slots__ = ("readers", "value")

    def __init__(self, value: str, readers: frozenset[str]) -> None:
        self.value = bytearray(value.encode())
        self.readers = readers

    def text(self) -> str:
        return self.value.decode()

    def wipe(self) -> None:
        self.value[:] = bytes(len(self.value))


class Compartment:
    """The vault of one call."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._cells: dict[str, _Cell] = {}
        self._open = True

    def __repr__(self) -> str:
        """Name the fields that are held, never what they hold."""
        return f"Compartment({', '.join(sorted(self._cells))})"

    def put(self, name: str, value: str, readers: frozenset[str]) -> str:
        """Keep a value for these readers (a tool's name, "store"); returns its handle.

        A newer value overwrites the older one's bytes. After `wipe` nothing is taken any more.
        """
        own = handle(name)
        if not self._open:
            raise UnknownHandle("the call is over: its compartment takes nothing")
        self.drop(name)
        self._cells[name] = _Cell(value, readers)
        return own

    def drop(self, name: str) -> None:
        """Forget one value; a name that holds nothing is fine."""
        cell = self._cells.pop(name, None)
        if cell is not None:
            cell.wipe()

    def holds(self, name: str) -> bool:
        """True when something was collected under this name."""
        return name in self._cells

    def names(self) -> tuple[str, ...]:
        """What was collected, by name, in the order it came."""
        return tuple(self._cells)

    def resolve(self, name: str, reader: str) -> str:
        """The value, for a reader it was collected for; raises UnknownHandle or NotYours."""
        cell = self._cells.get(name)
        if cell is None:
            raise UnknownHandle(f"nothing was collected as {name}")
        if reader not in cell.readers:
            raise NotYours(f"{name} was not collected for {reader}")
        return cell.text()

    def fill(self, text: str, reader: str) -> str:
        """The text with every handle replaced by its value; raises for a handle the reader may not use."""
        return HANDLE.sub(lambda found: self.resolve(found[1], reader), text)

    def fill_arguments(self, arguments: Mapping[str, object], reader: str) -> dict[str, object]:
        """A tool's arguments with the handles in their texts replaced, at any depth."""
        return {key: self._filled(value, reader) for key, value in arguments.items()}

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Name and value of all, for the guard that keeps them from getting out."""
        for name, cell in self._cells.items():
            yield name, cell.text()

    def wipe(self) -> None:
        """Overwrite and forget everything; the compartment stays empty from now on.

        What was made of a value to look for it is text, which Python cannot overwrite: it is dropped.
        """
        for name in tuple(self._cells):
            self.drop(name)
        self._open = False
        forget()

    def _filled(self, value: object, reader: str) -> object:
        match value:
            case str():
                return self.fill(value, reader)
            case Mapping():
                return {str(key): self._filled(item, reader) for key, item in value.items()}
            case list() | tuple():
                return [self._filled(item, reader) for item in value]
            case _:
                return value
