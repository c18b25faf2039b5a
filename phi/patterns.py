"""Written shapes: e-mail, URL, addresses of machines, identifiers that mix letters and digits, texts in codes, coordinates.

Every expression is linear: bounded repeats, no nested ones. What the server mints itself stays: UUID, ULID,
carrier call ids, hashes, versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phi import cues
from phi.frames import VERBAL, cue_before, kind_of
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    DIGITS,
    MIXED,
    SAFE,
    TABLE,
    WORD,
)
from phi.said_addresses import said_address_spans
from phi.tokens import Line, Run

LOCAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._%+-'=")
HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")
LOCAL_MAX, HOST_MAX = 64, 120
URL = re.compile(r"\b(?:https?|wss?|ftp|file)://[^\s\"'<>\[\]]{1,600}|\bwww\.[^\s\"'<>\[\]]{1,300}")
IPV4 = re.compile(
    r"(?<![0-9a-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9])(?::[0-9]{2,5}(?![0-9]))?"
)
IPV6 = re.compile(
    r"(?<![0-9a-z:.])[0-9a-f]{0,4}:(?:[0-9a-f]{0,4}:){1,7}[0-9a-f]{0,4}(?:%[a-z0-9]{1,12})?(?![0-9a-z:])"
)
MAC = re.compile(r"(?<![0-9a-f:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![0-9a-f:-])")
MAC_DOTTED = re.compile(r"(?<![0-9a-f.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![0-9a-f.])")
MINTED = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-7][0-9a-hjkmnp-tv-z]{25}|[a-z]{2}[0-9a-f]{32}|0x[0-9a-f]{1,16}|z9hg4bk[0-9a-z.-]{1,60}"
    r"|(?:sha(?:1|256|512)|md5)[-:]?[0-9a-z+/=-]{6,100}"
)
MINTED_IN_TEXT = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-7][0-9a-hjkmnp-tv-z]{25}|(?:ca|sm|mm|mz|re|cf|pn|ac|ws|mx|st)[0-9a-f]{32}|0x[0-9a-f]{1,16}"
    r"|(?=[a-f]{0,40}[0-9])(?=[0-9]{0,40}[a-f])[0-9a-f]{16,128}|z9hg4bk[0-9a-z.-]{1,60}|(?:[0-9a-f]{2}:){15,31}[0-9a-f]{2})(?![0-9a-z])"
)
HEXADECIMAL = re.compile(r"[0-9a-f]{12,128}")
QUANTITY = re.compile(
    r"[0-9]{1,7}(?:mg|mcg|g|kg|lb|lbs|oz|ml|cc|l|dl|iu|meq|mm|mmhg|cm|m|km|in|ft|bpm|ms|us|ns|s|sec|min|mins|h|hr|hrs|d|wk|w|y|yr|yrs|yo|x|k|kb|mb|gb|b|hz|khz|mhz|kbps|am|pm|st|nd|rd|th|px|p|fps|pct|er|ra|do|to|ro|vo|mo|no|a|o)"
    r"|v[0-9]{1,4}|p[0-9]{2,3}|[0-9]{2,5}x[0-9]{2,5}|[0-9]{1,2}h[0-9]{2}|t[0-9]{6}z?|[0-9]{1,4}[te][0-9]{1,6}z?|[a-z]{1,3}[0-9]{1,2}[a-z]?|[0-9]{1,2}[a-z]{1,2}|g7[0-9]{2}|h[0-9]{1,2}n[0-9]{1,2}|g[0-9]{1,2}p[0-9]{1,4}|t[12]d[mn]?|[0-9]{1,2}l"
)
WORD_THEN_DIGITS = re.compile(r"([a-z]{2,20})[0-9]{1,3}")
KEPT_KEYS = cues.words(
    "tag branch nonce cnonce callid ufrag pwd fingerprint ssrc cname msid trace span traceid spanid requestid request_id call_id session sessionid turn etag sha hash digest commit build version rev revision checksum call stream streamsid callsid sid id= worker epoch utterance"
)


def pattern_spans(line: Line) -> list[Span]:
    """What the written shapes take out."""
    shadow = line.shadow
    spans: list[Span] = []
    if "@" in shadow:
        spans.extend(_at_signs(line))
    if "://" in shadow or "www." in shadow:
        spans.extend(_urls(line))
    if line.seen & (DIGITS | MIXED):
        if "." in shadow:
            spans.extend(_ipv4(line))
        if ":" in shadow or "-" in shadow or "." in shadow:
            spans.extend(Span(*m.span(), Kind.DEVICE, Layer.PATTERNS) for m in MAC.finditer(shadow))
            spans.extend(
                Span(*m.span(), Kind.DEVICE, Layer.PATTERNS) for m in MAC_DOTTED.finditer(shadow)
            )
    if "::" in shadow or shadow.count(":") >= 5:
        spans.extend(_ipv6(line))
    if line.seen & MIXED:
        spans.extend(_mixed(line))
    spans.extend(said_address_spans(line))
    if "%" in shadow or "&#" in shadow:
        spans.extend(Span(*m.span(), Kind.OTHERID, Layer.PATTERNS) for m in CODED.finditer(shadow))
    if "." in shadow and line.seen & DIGITS:
        spans.extend(Span(*m.span(1), Kind.ADDRESS, Layer.PATTERNS) for m in PLACE.finditer(shadow))
    return spans


CODED = re.compile(
    r"(?:%(?:3[0-9]|[46][1-9a-f]|[57][0-9a])){3,400}(?:%[0-9a-f]{2}){0,40}|(?:&#(?:x[0-9a-f]{1,6}|[0-9]{1,7});){3,400}"
)
"""Letters and digits that no program needs to write as codes: percent signs, entities."""
PLACE = re.compile(
    r"\b(?:lat|latitude|lon|lng|long|longitude|latitud|longitud)[\"']?[ ]{0,2}[:=]?[ ]{0,2}[\"']?(-?[0-9]{1,3}\.[0-9]{3,12})"
)
"""Where somebody is, to a few hundred metres."""


PREFIX_LETTERS_MAX = 6


KEPT = re.compile(
    r"(?<![0-9a-z.])(?:127(?:\.[0-9]{1,3}){3}|0\.0\.0\.0|localhost)(?::[0-9]{2,5})?(?![0-9.])|\bm=(?:audio|video) [0-9]{1,5}|savpf?(?: [0-9]{1,3})+|candidate:?[0-9a-z/+]{1,32} [0-9] [a-z]{3} [0-9]{1,10}"
    r"|http/[0-9]\.[0-9]\"? ?[0-9]{3}(?: [0-9]{1,9})?|\bip[46]\b|\bo=[a-z0-9-]{1,20} [0-9]{1,20} [0-9]{1,6} in"
)
"""Numbers of protocols: our own addresses, media lines, candidate priorities, status codes."""
ANSWERED = re.compile(
    r"(?<![^\s\"])/[a-z/_.-]{0,80}\"? ([1-5][0-9]{2} [0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|us|s))(?![0-9a-z])"
)
"""A path without a number, its status and how long it took."""
KEPT_BESIDE_MAX = 3
"""Digits that a run may have beside numbers of protocols and be no identifier: "127.0.0.1:8443, 4"."""


def protocol_numbers(line: Line) -> list[tuple[int, int]]:
    """Where the numbers of protocols stand."""
    answered = ((m.start(1), m.end(1)) for m in ANSWERED.finditer(line.shadow))
    return [*(m.span() for m in KEPT.finditer(line.shadow)), *answered]


def minted(line: Line) -> list[tuple[int, int]]:
    """Where ids stand that the server or the carrier made at random."""
    if not line.seen & MIXED and "::" not in line.shadow and line.shadow.count(":") < 15:
        return []
    return [m.span() for m in MINTED_IN_TEXT.finditer(line.shadow)]


def _at_signs(line: Line) -> Iterator[Span]:
    shadow = line.shadow
    at = shadow.find("@")
    while at >= 0:
        start = at
        while (
            start > 0
            and at - start < LOCAL_MAX
            and (shadow[start - 1] in LOCAL or shadow[start - 1].isalpha())
        ):
            start -= 1
        end = at + 1
        while (
            end < len(shadow)
            and end - at < HOST_MAX
            and (shadow[end] in HOST or shadow[end] == "_" or shadow[end].isalpha())
        ):
            end += 1
        while end > at + 1 and shadow[end - 1] in ".-:'":
            end -= 1
        if start < at and "=" in shadow[start:at]:
            start = shadow.rindex("=", start, at) + 1
        if end > at + 1:
            if start < at:
                yield Span(start, end, Kind.EMAIL, Layer.PATTERNS)
            elif not flags_safe(shadow[at + 1 : end]):
                yield Span(at, end, Kind.OTHERID, Layer.PATTERNS)
        at = shadow.find("@", max(end, at + 1))


def flags_safe(text: str) -> bool:
    """Whether every word of a path, a host or a code name is in the lists, and every number short."""
    for part in re.split(r"[^a-z0-9]", text):
        if not part:
            continue
        if part.isdigit():
            if len(part) > 3:
                return False
        elif not TABLE.get(part, 0) & SAFE and not QUANTITY.fullmatch(part):
            return False
    return True


def _urls(line: Line) -> Iterator[Span]:
    for match in URL.finditer(line.shadow):
        text = match.group().rstrip(".,;:)")
        bare = re.sub(r"^[a-z]+://", "", text)
        host, _, rest = bare.partition("/")
        local = host.split(":")[0] in ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")  # noqa: S104  # compared, not bound
        if (
            flags_safe(re.sub(r":[0-9]{2,5}$", "", "" if local else host))
            and flags_safe(rest)
            and "=" not in rest
        ):
            continue
        yield Span(match.start(), match.start() + len(text), Kind.URL, Layer.PATTERNS)


def _ipv4(line: Line) -> Iterator[Span]:
    for match in IPV4.finditer(line.shadow):
        octets = match.group().partition(":")[0].split(".")
        if any(int(o) > 255 for o in octets) or octets[0] == "127" or octets == ["0"] * 4:
            continue
        before = line.shadow[max(0, match.start() - 9) : match.start()].rstrip(" =:\"'")
        if before.endswith(("version", "v", "ver", "release")):
            continue
        yield Span(*match.span(), Kind.IP, Layer.PATTERNS)


def _ipv6(line: Line) -> Iterator[Span]:
    for match in IPV6.finditer(line.shadow):
        text = match.group()
        groups = text.partition("%")[0].split(":")
        if text in ("::1", "::", "::0") or not any(groups):
            continue
        whole = "::" in text or len(groups) == 8
        if whole and (
            sum(1 for g in groups if g) >= 2 or any(any(c.isdigit() for c in g) for g in groups)
        ):
            yield Span(*match.span(), Kind.IP, Layer.PATTERNS)


def harmless_code(text: str) -> bool:
    """Whether a token of letters and digits is a quantity, a version, a minted id or a known code."""
    if TABLE.get(text, 0) & SAFE or QUANTITY.fullmatch(text) or MINTED.fullmatch(text):
        return True
    if HEXADECIMAL.fullmatch(text) and any(c.isalpha() for c in text):
        return True
    word = WORD_THEN_DIGITS.fullmatch(text)
    return bool(word and TABLE.get(word[1], 0) & SAFE)


def _mixed(line: Line) -> Iterator[Span]:
    i = 0
    n = line.count
    flags, words, starts, ends = line.flags, line.words, line.starts, line.ends
    while i < n:
        if not flags[i] & MIXED:
            i += 1
            continue
        first = last = i
        while (
            first >= 2
            and words[first - 1] == "-"
            and line.joined(first)
            and line.joined(first - 1)
            and flags[first - 2] & (WORD | DIGITS | MIXED)
        ):
            first -= 2
        while (
            last + 2 < n
            and words[last + 1] == "-"
            and line.joined(last + 1)
            and line.joined(last + 2)
            and flags[last + 2] & (WORD | DIGITS | MIXED)
        ):
            last += 2
        chain = line.shadow[starts[first] : ends[last]]
        if not MINTED.fullmatch(chain) and _identifies(line, i, first, last):
            cue = cue_before(line, first, strong=True)
            if (
                first > 1
                and words[first - 1] == "_"
                and line.joined(first)
                and line.joined(first - 1)
                and flags[first - 2] & WORD
                and len(words[first - 2]) <= PREFIX_LETTERS_MAX
            ):
                first -= 2  # "vp_fc71066926"
            yield Span(
                starts[first], ends[last], kind_of(cue, Run(first, last, "1", "a")), Layer.PATTERNS
            )
        i = last + 1


def _identifies(line: Line, i: int, first: int, last: int) -> bool:
    before = line.words[first - 1] if first else ""
    if before in ("=", ":", "/", "-", "_", '"', "'") and first > 1:
        key = (
            line.words[first - 2]
            if line.words[first - 2] not in ('"', "'", ":", "=")
            else (line.words[first - 3] if first > 2 else "")
        )
        if key == '"' and first > 3:
            key = line.words[first - 4]
        if key in KEPT_KEYS or (
            key == "id"
            and first > 3
            and line.words[first - 3] in "_-"
            and line.words[first - 4] in KEPT_KEYS
        ):
            return False
    parts = [line.words[k] for k in range(first, last + 1, 2)]
    digits = sum(c.isdigit() for part in parts for c in part)
    if (
        cue_before(line, first, strong=True) not in {None} | VERBAL
        and digits
        and not all(QUANTITY.fullmatch(p) and len(p) > 2 and p[0].isdigit() for p in parts)
    ):
        return True
    for part in parts:
        if not (part.isalpha() or part.isdigit() or harmless_code(part)) and len(part) >= 5:
            return True
    if digits >= 4 and not all(harmless_code(p) for p in parts if not p.isdigit()):
        return True
    return any(
        not (part.isalpha() or (part.isdigit() and len(part) <= 2) or harmless_code(part))
        for part in parts
    )
