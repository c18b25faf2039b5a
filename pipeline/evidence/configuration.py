"""The settings as an auditor may see them: secrets as "set" or "not set", addresses without what could be a secret.

Names of files stay, as the auditor has to find them. Refuses to know what a setting does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from pipeline.settings import Settings

Shown = str | int | list[str]
_ADDRESSES = frozenset({"url", "webhook_url", "model_url", "database_url"})
_COMMANDS = frozenset({"store.key_command"})
"""Arguments of a program may hold the very secret that it prints."""


def shown(settings: Settings) -> dict[str, Shown]:
    """Every key with what may be shown of its value."""
    return dict(_shown(settings, ""))


def _shown(section: Any, path: str) -> Iterator[tuple[str, Shown]]:
    for item in fields(section):
        value, key = getattr(section, item.name), f"{path}{item.name}"
        if is_dataclass(value):
            yield from _shown(value, f"{key}.")
        elif "table" in item.metadata:
            for number, table in enumerate(value, 1):
                yield from _shown(table, f"{key}[{number}].")
        elif item.metadata.get("secret"):
            yield key, "set" if value else "not set"
        elif key in _COMMANDS:
            yield key, [value[0], f"{len(value) - 1} arguments"] if value else []
        elif isinstance(value, tuple):
            hide = _address if item.metadata.get("kind") in _ADDRESSES else str
            yield key, [hide(each) for each in value]
        elif item.metadata.get("kind") in _ADDRESSES and value:
            yield key, _address(value)
        else:
            yield key, value


def _address(text: str) -> str:
    """Scheme, host and port: a path or a query may be the secret of a receiver."""
    parts = urlsplit(text)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    hidden = "/..." if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{host}{port}{hidden}"
