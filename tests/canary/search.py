"""Looks for planted texts in bytes, through every disguise a program may put them in.

Bytes are undressed (decompressed, decoded, unescaped, turned round), again and again, and what is left is compared
without case and separators. Plain hashes of a text are looked for too: whoever has a list of names reads them.
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import html
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

DEPTH = 2
"""A text in base64 in JSON in a URL was never seen; two layers were."""
BOUNDED_DIGITS = 8
"""A shorter number is only found where no further digit stands beside it: clocks and sizes are full of them."""
CLOCK_DIGITS = 9
"""A longer number is found with colons between its digits too: no clock shows one."""
_SEPARATORS = bytes(range(0x30)) + b":;<=>?@[\\]^_`{|}~\x7f"
_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_HASHES = ("md5", "sha1", "sha256", "sha512", "blake2b")


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """Where a text was found, and what it was hidden in."""

    place: str
    text: str
    """whose and which: never the text itself"""
    disguise: str


@dataclass(frozen=True, slots=True)
class _Needle:
    text: str
    disguise: str
    data: bytes
    standing: re.Pattern[bytes] | None = None
    """How it must stand in the bytes as they are."""


@dataclass(slots=True)
class _Table:
    """Needles by their first two bytes, so that one pass over the bytes finds the few places worth a look."""

    needles: dict[bytes, list[_Needle]] = field(default_factory=dict)
    starts: np.ndarray[tuple[int], np.dtype[np.bool_]] = field(
        default_factory=lambda: np.zeros(1 << 16, dtype=np.bool_)
    )

    def add(self, needle: _Needle) -> None:
        start = needle.data[:4]
        self.needles.setdefault(start, []).append(needle)
        self.starts[start[0] | start[1] << 8] = True

    def find(self, data: bytes) -> Iterator[_Needle]:
        if len(data) < 4:
            return
        array = np.frombuffer(data, dtype=np.uint8).astype(np.uint16)
        pairs = array[:-1] | (array[1:] << 8)
        for at in np.flatnonzero(self.starts[pairs]).tolist():
            for needle in self.needles.get(data[at : at + 4], ()):
                end = at + len(needle.data)
                if data[at:end] == needle.data:
                    yield needle


class Search:
    """All texts that must not be found."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Each text under a name that may be shown."""
        self._folded, self._raw = _Table(), _Table()
        for name, text in texts.items():
            bare = fold(text.encode())
            assert len(bare) >= 6, f"{name} is too short to be looked for"
            self._folded.add(_Needle(name, "", bare, _standing(bare)))
            for form in {text, text.lower(), text.upper(), bare.decode()}:
                for algorithm in _HASHES:
                    made = hashlib.new(algorithm, form.encode())
                    self._folded.add(_Needle(name, algorithm, made.hexdigest().encode()))
                    self._raw.add(_Needle(name, algorithm, made.digest()))

    def look(self, places: Mapping[str, bytes]) -> list[Hit]:
        """Every text found in these bytes; the names of the places are searched as well."""
        hits = set[Hit]()
        for place, data in places.items():
            hits |= self._look_at(place, data)
            hits |= {
                Hit("a name", hit.text, hit.disguise) for hit in self._look_at("", place.encode())
            }
        return sorted(hits)

    def _look_at(self, place: str, data: bytes) -> set[Hit]:
        hits = set[Hit]()
        seen = {data}
        views = [("", data)]
        for depth in range(DEPTH + 1):
            further: list[tuple[str, bytes]] = []
            for disguise, view in views:
                for table, bytes_ in ((self._folded, fold(view)), (self._raw, view)):
                    for needle in table.find(bytes_):
                        if needle.standing is not None and not needle.standing.search(view):
                            continue
                        worn = " in ".join(filter(None, (needle.disguise, disguise))) or "plain"
                        hits.add(Hit(place, needle.text, worn))
                if depth < DEPTH:
                    for name, undressed in _undressed(view):
                        if undressed not in seen:
                            seen.add(undressed)
                            further.append((" in ".join(filter(None, (name, disguise))), undressed))
            views = further
        return hits


def fold(data: bytes) -> bytes:
    """Without case, and without anything that is neither a letter nor a digit of ASCII nor beyond it."""
    return data.translate(_LOWER, _SEPARATORS)


def _standing(bare: bytes) -> re.Pattern[bytes] | None:
    """A number, without a colon between its digits: "11-23 19:24" is a clock. A short one stands alone."""
    if not bare.isdigit() or len(bare) > CLOCK_DIGITS:
        return None
    digits = [bytes([digit]) for digit in bare]
    if len(bare) > BOUNDED_DIGITS:
        return re.compile(rb"(?:[^\w:]|_)*".join(digits))
    return re.compile(rb"(?<!\d)" + rb"(?:[^\w:]|_){0,3}".join(digits) + rb"(?!\d)")


# --- the disguises ------------------------------------------------------------------------------------


def _undressed(data: bytes) -> Iterator[tuple[str, bytes]]:
    for name, undress in UNDRESS.items():
        for found in undress(data):
            if found and found != data:
                yield name, found


def _packed(data: bytes) -> Iterator[bytes]:
    for start in re.finditer(rb"\x1f\x8b\x08|BZh[1-9]|\x78[\x01\x5e\x9c\xda]", data):
        piece = data[start.start() :]
        try:
            if piece.startswith(b"BZh"):
                yield bz2.BZ2Decompressor().decompress(piece)
            else:
                yield zlib.decompressobj(47 if piece[0] == 0x1F else 15).decompress(piece)
        except (OSError, zlib.error):
            continue


def _wide(data: bytes) -> Iterator[bytes]:
    if b"\0" in data:
        yield data.replace(b"\0", b"")


def _runs(
    pattern: re.Pattern[bytes], step: int, decode: Callable[[bytes], bytes]
) -> Callable[[bytes], Iterator[bytes]]:
    """A coded text may begin anywhere in a run of the code's letters: each offset is tried."""

    def undress(data: bytes) -> Iterator[bytes]:
        runs = [match[0] for match in pattern.finditer(data)]
        for offset in range(step):
            pieces = []
            for run in runs:
                piece = run[offset:]
                try:
                    pieces.append(decode(piece))
                except ValueError:
                    continue
            yield b"\n".join(pieces)

    return undress


def _escapes(data: bytes) -> Iterator[bytes]:
    """Of JSON, Python, C and the shell."""
    if b"\\" in data:
        yield _ESCAPE.sub(_unescape, data)


_ESCAPE = re.compile(rb"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-7]{3}))")


def _unescape(match: re.Match[bytes]) -> bytes:
    code = int(match[3], 8) if match[3] else int(match[1] or match[2], 16)
    return chr(code).encode("utf-8", "replace")


def _percent(data: bytes) -> Iterator[bytes]:
    if b"%" in data:
        yield urllib.parse.unquote_to_bytes(data)


def _quoted(data: bytes) -> Iterator[bytes]:
    if b"=" in data:
        yield re.sub(
            rb"=([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), data.replace(b"=\n", b"")
        )


def _entities(data: bytes) -> Iterator[bytes]:
    if b"&#" in data:
        yield html.unescape(data.decode("latin-1")).encode("utf-8", "replace")


def _numbers(data: bytes) -> Iterator[bytes]:
    """A list of character codes, as `repr` of a bytearray or an array in JSON has it."""
    for match in re.finditer(rb"(?:\d{2,3}, ?){5,}\d{2,3}", data):
        codes = [int(code) for code in match[0].split(b",")]
        yield bytes(code for code in codes if code < 256)


def _base64(run: bytes) -> bytes:
    run = run[:-1] if len(run) % 4 == 1 else run
    return base64.b64decode(run.translate(_FOR_URLS) + b"=" * (-len(run) % 4))


_FOR_URLS = bytes.maketrans(b"-_", b"+/")


def _base32(run: bytes) -> bytes:
    whole = len(run) - len(run) % 8
    rest = run[whole:]
    rest = rest[: max(n for n in (0, 2, 4, 5, 7) if n <= len(rest))]
    return base64.b32decode(run[:whole] + (rest.ljust(8, b"=") if rest else b""))


def _hexadecimal(run: bytes) -> bytes:
    return bytes.fromhex(run[: len(run) // 2 * 2].decode())


def _hexadecimal_apart(data: bytes) -> Iterator[bytes]:
    for match in re.finditer(rb"(?:[0-9a-fA-F]{2}[:\s-]){5,}[0-9a-fA-F]{2}", data):
        yield bytes.fromhex(re.sub(rb"[^0-9a-fA-F]", b"", match[0]).decode())


UNDRESS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "compressed": _packed,
    "utf-16 or utf-32": _wide,
    "base64": _runs(re.compile(rb"[A-Za-z0-9+/]{8,}"), 4, _base64),
    "base64 for URLs": _runs(re.compile(rb"[A-Za-z0-9_-]{8,}"), 4, _base64),
    "base32": _runs(re.compile(rb"[A-Z2-7]{8,}"), 8, _base32),
    "hexadecimal": _runs(re.compile(rb"[0-9a-fA-F]{12,}"), 2, _hexadecimal),
    "hexadecimal apart": _hexadecimal_apart,
    "escapes": _escapes,
    "percent signs": _percent,
    "quoted-printable": _quoted,
    "entities": _entities,
    "character codes": _numbers,
    "turned round": lambda data: iter([data[::-1]]),
}
"""Name and what to take off. Case, separators and escapes without a code are gone before anything is compared."""
