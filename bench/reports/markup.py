"""HTML put together so that no text can become a tag: what is not `Markup` is escaped. Knows no page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

VOID_TAGS: Final = frozenset({"meta", "link", "br", "hr", "img", "col"})


class Markup(str):
    """Text that may hold tags; made only by `tag` and `raw`."""

    __slots__ = ()


Child = str | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: str | int | float | None) -> Markup:
    """An element; `class_` is written as class, `aria_label` as aria-label, and None leaves an attribute out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID_TAGS:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Child) -> Markup:
    """Everything in a row, text escaped."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(escape(children))
    return Markup("".join(join(child) for child in children))


def raw(text: str) -> Markup:
    """Text of this package's own that is markup, or a style sheet."""
    return Markup(text)
