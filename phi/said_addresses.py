"""Addresses of the net as they are said aloud: an e-mail, a site, a handle. Of written ones it knows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues
from phi.kinds import Kind, Layer, Span
from phi.lexicon import ID_CUE, LETTER, NUMBER, PLACEHOLDER, SAFE, STOP, TABLE
from phi.tokens import Line

TOP_LEVEL = cues.words("com org net edu gov co us io mx es info biz me tv uk ca")
MAIL_HOSTS = cues.words(
    "gmail yahoo hotmail outlook icloud aol msn comcast protonmail proton live verizon att sbcglobal gmx"
)
MAIL_STOPS = cues.words(
    "is it's its at email mail e-mail address me my to the use on for or send write reach contact and i be that's your correo es electronico a mi esta al email: sure yes yeah okay ok uh um so then"
)
MAIL_TOKENS_MAX = 24


def said_address_spans(line: Line) -> Iterator[Span]:
    """What sounds like an address."""
    yield from _spoken_mail(line)
    if line.seen & ID_CUE:
        yield from _handles(line)


NETWORKS = cues.words(
    "instagram insta facebook twitter tiktok snapchat snap whatsapp telegram discord linkedin handle username login usuario"
)


def _handles(line: Line) -> Iterator[Span]:
    """Find "my insta is grace underscore m eight four"."""
    for i, word in enumerate(line.words):
        if word not in NETWORKS or i + 2 >= line.count:
            continue
        if line.words[i + 1] not in ("is", "es", ":", "name"):
            continue
        first = end = i + 2
        while end < line.count and end - first < HANDLE_TOKENS_MAX:
            if line.flags[end] & (STOP | PLACEHOLDER) and line.words[end] not in (
                "at",
                "underscore",
                "a",
                "i",
            ):
                break
            if line.words[end] in (",", ".", "?", "!") and not line.joined(end):
                break
            end += 1
        if end > first:
            yield Span(line.starts[first], line.ends[end - 1], Kind.OTHERID, Layer.PATTERNS)


HANDLE_TOKENS_MAX = 10


def _spoken_mail(line: Line) -> Iterator[Span]:
    """Find "j smith at gmail dot com": from the top-level domain back to where the address begins."""
    words = line.words
    for i, word in enumerate(words):
        if word in TOP_LEVEL and i > 1 and words[i - 1] in ("dot", "punto", "."):
            if (
                words[i - 1] == "."
                and line.joined(i - 1)
                and line.joined(i)
                and "@" not in line.shadow
            ):
                domain = i - 2
                if (
                    words[domain] in MAIL_HOSTS
                    and domain > 1
                    and words[domain - 1] in ("at", "arroba")
                ):
                    yield from _mail_from(line, domain - 1, i)
                continue
            if words[i - 1] == ".":
                continue
            k = i - 2
            while k >= 0 and i - k <= 12 and words[k] not in ("at", "arroba", "@", "www", "slash"):
                if words[k] in ("is", "my", "the", "es", "to", "on", "use", "called", "website"):
                    break
                k -= 1
            if k >= 0 and words[k] in ("at", "arroba", "@"):
                yield from _mail_from(line, k, i)
            else:
                end = i
                while (
                    end + 1 < line.count
                    and words[end + 1] in ("slash", "diagonal", "/", "dot")
                    and end + 2 < line.count
                ):
                    end += 2
                first = max(k + (0 if k >= 0 and words[k] == "www" else 1), 0)
                if first < i - 1 and (
                    end > i or not all(TABLE.get(w, 0) & SAFE for w in words[first : i - 1])
                ):
                    yield Span(line.starts[first], line.ends[end], Kind.URL, Layer.PATTERNS)
        elif word in MAIL_HOSTS and i > 1 and words[i - 1] in ("at", "arroba"):
            yield from _mail_from(line, i - 1, i)


def _mail_from(line: Line, at: int, last: int) -> Iterator[Span]:
    first = at
    words = line.words
    while first > 0 and at - first < MAIL_TOKENS_MAX:
        word = words[first - 1]
        if (
            (
                word in MAIL_STOPS
                or line.flags[first - 1] & PLACEHOLDER
                or word in (":", ",", ".", "?", "!", '"')
            )
            and not (
                word in ("a", "i", "me", "or")
                and first > 1
                and line.flags[first - 2] & LETTER
                and (first == at or line.flags[first] & LETTER)
            )
            and not (
                word in (".", ",")
                and first > 1
                and (line.flags[first - 2] & (LETTER | NUMBER))
                and first < at
            )
        ):
            break
        first -= 1
    while first < at and words[first] in (",", "."):
        first += 1
    if first < at:
        yield Span(line.starts[first], line.ends[last], Kind.EMAIL, Layer.PATTERNS)
