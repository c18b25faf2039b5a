"""JSON records: where each value stands and under which key, so that redaction leaves the rest untouched and valid."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from phi.fields import (
    STATIC,
    TECHNICAL,
    age_of_key,
    is_timestamp,
    keeps_number,
    kind_of_key,
    parts_of,
    person_of_key,
)
from phi.kinds import Kind

TOKEN = re.compile(r'"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|[{}\[\],:]')
MINTED_KEYS = frozenset(
    [
        "callid",
        "traceid",
        "spanid",
        "requestid",
        "sessionid",
        "streamsid",
        "callsid",
        "accountsid",
        "ssrc",
        "sha",
        "hash",
        "version",
        "commit",
        "id",
        "uuid",
    ]
)
DECODER = json.JSONDecoder()
DEPTH_MAX = 40
SETTLED = TECHNICAL | {"role", "lang", "locale", "ts", "time", "finish", "object"}
"""Parts of keys whose values no caller says."""
SPEECH_KEYS = frozenset(["text", "content", "utterance", "transcript", "message", "said", "prompt", "input", "output", "reply", "answer", "question", "partial", "final", "speech", "query", "value", "say"])  # fmt: skip
ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,18}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
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

    @property
    def speaks(self) -> bool:
        """Whether the value is something said: several words, or an answer under a key of speech."""
        if self.kind is not None or self.is_key:
            return False
        return " " in self.value.strip() or self.key.lower() in SPEECH_KEYS

    @property
    def answers(self) -> bool:
        """Whether the value may be the answer to what was asked before."""
        return self.speaks or not (
            self.is_key
            or SETTLED & set(parts_of(self.key))
            or not any(map(str.isalnum, self.value))
        )

    def encode(self, text: str) -> str:
        """A string that takes the value's place."""
        return json.dumps(text, ensure_ascii=False)


def json_pieces(text: str) -> list[Piece] | None:
    """The values to judge; None when the text is not one JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _Walk(text).pieces()


class _Walk:
    """One pass over a document that is known to be valid."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[Piece] = []
        self.parents: list[str] = []
        self.in_object: list[bool] = []
        self.key = ""
        self.at_key = False

    def pieces(self) -> list[Piece] | None:
        i = 0
        while i < len(self.text):
            match = TOKEN.match(self.text, i)
            if match is None:
                i += 1
                continue
            i = match.end()
            sign = match.group()
            if sign == '"':
                i = self._string(match.start())
            elif sign in "{[]},:":
                self._structure(sign)
                if len(self.parents) > DEPTH_MAX:
                    return None
            elif sign not in ("true", "false", "null"):
                _add_number(self.found, match.start(), i, _told(self.key, self.parents), sign)
        return self.found

    def _structure(self, sign: str) -> None:
        if sign in "{[":
            self.parents.append(self.key)
            self.in_object.append(sign == "{")
            self.at_key = sign == "{"
        elif sign in "}]":
            self.key = self.parents.pop()
            self.in_object.pop()
            self.at_key = False
        elif sign == ",":
            self.at_key = self.in_object[-1]
            if not self.at_key:
                self.key = self.parents[-1]
        else:
            self.at_key = False

    def _string(self, start: int) -> int:
        value, end = _string_at(self.text, start)
        if not self.at_key:
            _add_string(self.found, start, end, _told(self.key, self.parents), value)
            return end
        self.key = value
        if value and not value.replace("_", "").isalpha():
            self.found.append(Piece(start, end, "", value, None, is_key=True))
        return end


def _string_at(text: str, at: int) -> tuple[str, int]:
    """The string that begins at a quotation mark, and where it ends."""
    value, end = DECODER.raw_decode(text, at)
    return str(value), end


def _told(key: str, stack: list[str]) -> str:
    """A key with its parent where the key alone says little: patient.first, contact.value."""
    short = key.lower()
    if (
        short
        in (
            "first",
            "last",
            "middle",
            "name",
            "full",
            "display",
            "value",
            "number",
            "line1",
            "id",
            "text",
            "line",
            "use",
        )
        and stack
        and stack[-1]
        and stack[-1] != key
    ):
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
    if (
        bare in MINTED_KEYS
        and RANDOM.fullmatch(value)
        and any(c.isdigit() for c in value)
        and any(c.isalpha() for c in value)
    ):
        return
    kind = Kind.AGE if age_of_key(key, value.strip()) else kind_of_key(key)
    if kind is None and person_of_key(key, value):
        kind = Kind.NAME
    if value.startswith("[") and value.endswith("]") and value[1:-1] in Kind.__members__:
        return
    pieces.append(Piece(start, end, key, value, kind))


def _add_number(pieces: list[Piece], start: int, end: int, key: str, sign: str) -> None:
    kind = Kind.AGE if age_of_key(key, sign) else kind_of_key(key)
    if kind is None and (
        keeps_number(key) or is_timestamp(key) or sum(c.isdigit() for c in sign) < 4 or "." in sign
    ):
        return
    if kind is not None and sum(c.isdigit() for c in sign) < 2:
        return
    pieces.append(Piece(start, end, key, sign, kind))
