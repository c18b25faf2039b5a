"""JSON records: where each value stands and under which key, so that redaction leaves the rest untouched and valid."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring

from phi.fields import STATIC, is_timestamp, keeps_number, kind_of_key
from phi.kinds import Kind

TOKEN = re.compile(r'"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|[{}\[\],:]')
MINTED_KEYS = frozenset(["callid", "traceid", "spanid", "requestid", "sessionid", "streamsid", "callsid", "accountsid", "ssrc", "sha", "hash", "version", "commit", "id", "uuid"])
DEPTH_MAX = 40
ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,18}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?")
RANDOM = re.compile(r"[0-9A-Za-z-]{16,80}")


@dataclass(slots=True)
class Piece:
    """One string or number of a JSON record that may have to go."""

    start: int
    end: int
    key: str
    value: str
    kind: Kind | None
    is_key: bool = False

    def encode(self, text: str) -> str:
        """A string that takes the value's place."""
        return json.dumps(text, ensure_ascii=False)


def json_pieces(text: str) -> list[Piece] | None:
    """The values to judge; None when the text is not one JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    pieces: list[Piece] = []
    stack: list[str] = []
    objects: list[bool] = []
    key = ""
    expect_key = False
    i, n = 0, len(text)
    while i < n:
        match = TOKEN.match(text, i)
        if match is None:
            i += 1
            continue
        token = match.group()
        i = match.end()
        if token in "{[":
            if len(stack) > DEPTH_MAX:
                return None
            stack.append(key)
            objects.append(token == "{")
            expect_key = token == "{"
        elif token in "}]":
            key = stack.pop() if stack else ""
            if objects:
                objects.pop()
            expect_key = False
        elif token == ",":
            expect_key = bool(objects) and objects[-1]
            if not expect_key and stack:
                key = stack[-1]
        elif token == ":":
            expect_key = False
        elif token == '"':
            value, end = scanstring(text, i, True)
            if expect_key:
                key = value
                if value and not value.replace("_", "").isalpha():
                    pieces.append(Piece(match.start(), end, "", value, None, is_key=True))
            else:
                _add_string(pieces, match.start(), end, _told(key, stack), value)
            i = end
        elif token not in ("true", "false", "null"):
            _add_number(pieces, match.start(), i, _told(key, stack), token)
    return pieces


def _told(key: str, stack: list[str]) -> str:
    """A key with its parent where the key alone says little: patient.first, contact.value."""
    short = key.lower()
    if short in ("first", "last", "middle", "name", "full", "display", "value", "number", "line1", "id", "text", "line", "use") and stack and stack[-1] and stack[-1] != key:
        parent = stack[-1]
        if short in ("value", "number", "id", "line", "text") and kind_of_key(parent) is not None:
            return parent
        if short == "name" and kind_of_key(parent + "_name") is None:
            return parent + "_name"
    return key


def _add_string(pieces: list[Piece], start: int, end: int, key: str, value: str) -> None:
    bare = "".join(c for c in key.lower() if c.isalpha())
    if not value or value.lower() in STATIC or (is_timestamp(key) and ISO_TIME.fullmatch(value)):
        return
    if bare in MINTED_KEYS and RANDOM.fullmatch(value) and any(c.isdigit() for c in value) and any(c.isalpha() for c in value):
        return
    kind = kind_of_key(key)
    if value.startswith("[") and value.endswith("]") and value[1:-1] in Kind.__members__:
        return
    pieces.append(Piece(start, end, key, value, kind))


def _add_number(pieces: list[Piece], start: int, end: int, key: str, token: str) -> None:
    kind = kind_of_key(key)
    if kind is None and (keeps_number(key) or is_timestamp(key) or sum(c.isdigit() for c in token) < 4 or "." in token):
        return
    if kind is not None and sum(c.isdigit() for c in token) < 2:
        return
    pieces.append(Piece(start, end, key, token, kind))
