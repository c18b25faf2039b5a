"""Values that stand in tags, in HL7 segments and in the headers of messages. It knows no name and no number.

HL7's personal segments are taken field by field: whatever is no code goes. A header's display name goes; its
address is the affair of phi.patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phi.fields import STATIC, kind_of_key, person_of_key
from phi.kinds import Kind, Layer, Span
from phi.tokens import Line

TAG = re.compile(
    r"<([a-z][a-z0-9_:.-]{0,40})(?: [^<>\n]{0,200})?>([^<>\n]{1,200})</"
    r"|<([a-z][a-z0-9_:.-]{0,40}) (?:[^<>\n]{0,120} )?value ?= ?[\"']([^\"'<>\n]{1,200})[\"']"
)
SEGMENT = re.compile(r"(?:\A|(?<=[\r\n\v'\"> ]))(?:pid|nk1|gt1|in1|in2|pd1|mrg)\|[^\r\n\v]{0,2000}")
FIELD = re.compile(r"[^|~]{1,300}")
CODE = re.compile(
    r"[a-z]{1,3}|[0-9]{1,3}|\^{0,20}(?:mrn|spo|mth|fth|chd|eng|spa|usa|self|hl7|prn|emc)\^{0,20}"
)
HEADER = re.compile(
    r"(?:\A|(?<=[\r\n]))[ \t]{0,4}(?:from|to|cc|bcc|reply-to|sender|attn|contact|remote-party-id|p-asserted-identity|f|t|m) ?: ?"
    r"(\"[^\"<>\r\n]{1,80}\"|[^\"<>@\r\n:;=]{2,80}?)[ ]{0,2}(?=<|\r|\n|\Z)"
)
NO_NAME = frozenset(["anonymous", "unknown", "undisclosed-recipients", "restricted", "unavailable", "wardline", "asterisk", "freeswitch", "private"])  # fmt: skip


def segment_spans(line: Line) -> Iterator[Span]:
    """What tags, segments and headers tell."""
    shadow = line.shadow
    if "<" in shadow and ("</" in shadow or "value" in shadow):
        yield from _tags(line)
    if "|" in shadow:
        for match in SEGMENT.finditer(shadow):
            yield from _segment(shadow, match.start() + 4, match.end())
    if ":" in shadow:
        for match in HEADER.finditer(shadow):
            yield from _header(line, match)


def _tags(line: Line) -> Iterator[Span]:
    for match in TAG.finditer(line.shadow):
        group = 2 if match[1] else 4
        key = (match[1] or match[3]).rpartition(":")[2]
        value = match[group]
        if value.strip() in STATIC or value.startswith("["):
            continue
        kind = kind_of_key(key)
        if kind is None and person_of_key(key, line.between(*match.span(group)).strip()):
            kind = Kind.NAME
        if kind is not None:
            yield Span(*match.span(group), kind, Layer.FIELDS)


def _segment(shadow: str, start: int, end: int) -> Iterator[Span]:
    for field in FIELD.finditer(shadow, start, end):
        text = field.group()
        if CODE.fullmatch(text) or text.startswith("["):
            continue
        letters = any(c.isalpha() for c in text)
        kind = Kind.NAME if letters else Kind.OTHERID
        yield Span(*field.span(), kind, Layer.FIELDS)


def _header(line: Line, match: re.Match[str]) -> Iterator[Span]:
    start, end = match.span(1)
    name = line.between(start, end)
    bare = name.strip('" ')
    if bare.lower() in NO_NAME or bare.startswith("[") or not any(c.isalpha() for c in bare):
        return
    follows = line.shadow[match.end() : match.end() + 1] == "<"
    if follows or (bare[:1].isupper() and len(bare.split()) <= 4 and bare.istitle()):
        lead = len(name) - len(name.lstrip('" '))
        yield Span(start + lead, start + lead + len(bare), Kind.NAME, Layer.FIELDS)
