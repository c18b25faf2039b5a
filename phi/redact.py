"""The redactor: every layer over one record, the widest span wins, and whatever goes wrong withholds the record.

It writes nothing and reads no clock but for its budget of this thread's own CPU time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from phi.carry import CallContext
from phi.dates import date_spans
from phi.fields import field_spans, kept_numbers
from phi.frames import number_spans
from phi.kinds import Failure, Kind, Layer, Redacted, Span, withheld
from phi.lexicon import DIGITS, MIXED
from phi.names import NameReader
from phi.namesakes import namesake_spans
from phi.patterns import KEPT_BESIDE_MAX, minted, pattern_spans, protocol_numbers
from phi.places import place_spans
from phi.segments import segment_spans
from phi.structured import Piece, json_pieces
from phi.tokens import Line
from phi.unlisted import vocabulary_spans
from phi.vocabulary import safe_languages
from phi.written_dates import stamps

BUDGET_MS = 5.0
"""Thread CPU time per record; wall time would trip under load."""
SIZE_MAX_BYTES = 8192
ALL_LAYERS = frozenset(Layer)
SHIELDED = frozenset([Layer.NUMBERS, Layer.DATES, Layer.PATTERNS])


class BudgetSpent(Exception):
    """A record cost more than its budget."""


class Deadline(NamedTuple):
    """When a record's budget is spent: CPU time never runs ahead of the wall's, and asking for it costs eight times as much."""

    wall_ns: int
    cpu_ns: int

    def check(self) -> None:
        """Raise BudgetSpent when it is; the thread's own time is asked only when it could be."""
        if time.perf_counter_ns() > self.wall_ns and time.thread_time_ns() > self.cpu_ns:
            raise BudgetSpent


class Redactor:
    """Takes identifiers out of records; one for all calls, with a context per call."""

    def __init__(
        self,
        *,
        layers: Iterable[Layer] = ALL_LAYERS,
        budget_ms: float = BUDGET_MS,
        size_max_bytes: int = SIZE_MAX_BYTES,
    ) -> None:
        """Switch layers on; all of them unless a test asks what one is for."""
        self.layers = frozenset(layers)
        self.failures: dict[Failure, int] = dict.fromkeys(Failure, 0)
        """How many records were withheld, by reason."""
        self._budget_ns = int(budget_ms * 1e6)
        self._size_max_bytes = size_max_bytes

    def redact(self, text: str | bytes, ctx: CallContext | None = None) -> Redacted:
        """Redact one record; never raises, and never returns what it could not judge."""
        deadline = Deadline(
            time.perf_counter_ns() + self._budget_ns, time.thread_time_ns() + self._budget_ns
        )
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError:
                return self._fail(Failure.UNDECODABLE, len(text))
        chars = len(text)
        if chars > self._size_max_bytes or (
            not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > self._size_max_bytes
        ):
            return self._fail(Failure.OVERSIZE, chars)
        try:
            return self._redact(text, ctx, deadline)
        except BudgetSpent:
            return self._fail(Failure.BUDGET, chars)
        except Exception:  # noqa: BLE001  # whatever fails, the record must not pass
            return self._fail(Failure.EXCEPTION, chars)

    def _fail(self, why: Failure, chars: int) -> Redacted:
        self.failures[why] += 1
        return withheld(why, chars)

    def _redact(self, text: str, ctx: CallContext | None, deadline: Deadline) -> Redacted:
        pieces = json_pieces(text) if text[:1] in "{[ " and text.strip()[:1] in ("{", "[") else None
        if pieces is not None:
            return self._document(text, pieces, ctx, deadline)
        line_spans = self.spans(text, ctx, deadline)
        result = cut(text, line_spans)
        if ctx is not None:
            ctx.note(text, line_spans)
        return Redacted(result, tuple(line_spans))

    def _document(
        self, text: str, pieces: list[Piece], ctx: CallContext | None, deadline: Deadline
    ) -> Redacted:
        """A JSON record: value by value, and what is said in it as records of its own, in order."""
        said = [piece for piece in pieces if piece.speaks]
        ctx = CallContext(single=True) if ctx is None else ctx
        alone, ctx.single = ctx.single, ctx.single and len(said) < 2
        out: list[str] = []
        spans: list[Span] = []
        at = 0
        for piece in pieces:
            replaced, kind = self._piece(piece, ctx, deadline)
            if replaced is None:
                continue
            out.extend((text[at : piece.start], piece.encode(replaced)))
            spans.append(Span(piece.start, piece.end, kind, Layer.FIELDS))
            at = piece.end
        out.append(text[at:])
        ctx.single = alone
        return Redacted("".join(out), tuple(spans))

    def _piece(self, piece: Piece, ctx: CallContext, deadline: Deadline) -> tuple[str | None, Kind]:
        """One JSON value: what stands instead, None when it stays."""
        value = piece.value
        if piece.kind is not None and Layer.FIELDS in self.layers:
            return piece.kind.placeholder, piece.kind
        inner = json_pieces(value) if value[:1] in ("{", "[") else None
        if inner is not None:
            nested = self._document(value, inner, ctx, deadline)
            return (nested.text if nested.spans else None), Kind.OTHERID
        found = self.spans(value, ctx, deadline, key=piece.key, behind=piece.answers)
        if piece.speaks:
            ctx.note(value, found)
        if not found:
            return None, Kind.OTHERID
        return cut(value, found), found[0].kind

    def spans(
        self,
        text: str,
        ctx: CallContext | None,
        deadline: Deadline,
        *,
        key: str = "",
        behind: bool = True,
    ) -> list[Span]:
        """What every layer takes out, merged, in the record's own offsets; a value is read with its key."""
        prefix = f"{key}: " if key else ""
        if ctx is not None and behind and Layer.CARRY in self.layers:
            prefix = ctx.prefix() + prefix
        line = Line(prefix + text)
        found = self._layers(line, ctx, deadline, len(prefix))
        if line.offsets is not None:
            offsets = line.offsets
            found = [
                Span(offsets[s.start], offsets[s.end - 1] + 1 if s.end else 0, s.kind, s.layer)
                for s in found
            ]
        if prefix:
            cut_at = len(prefix)
            found = [
                Span(max(s.start - cut_at, 0), s.end - cut_at, s.kind, s.layer)
                for s in found
                if s.end > cut_at
            ]
        if ctx is not None:
            own = Line(text) if prefix else line
            if Layer.KNOWN in self.layers:
                found.extend(_unfolded(own, ctx.known.spans(own, deadline.check)))
            if behind and Layer.CARRY in self.layers:
                found.extend(_unfolded(own, ctx.carried(own)))
        merged = merge(found, text)
        deadline.check()  # behind all that costs by the length of a record or by how much is known
        return merged

    def _layers(
        self, line: Line, ctx: CallContext | None, deadline: Deadline, own_from: int
    ) -> list[Span]:
        on = self.layers
        lang = ctx.lang if ctx is not None else None
        safe = safe_languages(line, lang)
        reader = NameReader(line, safe)
        found: list[Span] = []
        if Layer.NUMBERS in on:
            found.extend(number_spans(line))
        deadline.check()
        if Layer.DATES in on:
            found.extend(date_spans(line))
        deadline.check()
        if Layer.PATTERNS in on:
            found.extend(pattern_spans(line))
        deadline.check()
        if Layer.FIELDS in on:
            found.extend(field_spans(line))
            found.extend(segment_spans(line))
        deadline.check()
        if Layer.NAMES in on:
            found.extend(reader.spans())
            found.extend(namesake_spans(reader))
        deadline.check()
        if Layer.PLACES in on:
            found.extend(place_spans(line, reader))
        deadline.check()
        if Layer.VOCABULARY in on:
            found.extend(vocabulary_spans(line, safe, reader))
        deadline.check()
        if line.seen & (DIGITS | MIXED) and found:
            protocol = protocol_numbers(line)
            kept = kept_numbers(line) + stamps(line) + protocol
            if kept:
                found = [
                    s
                    for s in found
                    if s.layer not in SHIELDED
                    or not (inside(s, kept) or _explained(s, protocol, line.shadow))
                ]
            random = minted(line)
            if random:
                found = [s for s in found if not inside(s, random)]
        return found


def inside(span: Span, places: list[tuple[int, int]]) -> bool:
    """Whether a span lies within one of the places."""
    return any(a <= span.start and span.end <= b for a, b in places)


def _explained(span: Span, protocol: list[tuple[int, int]], shadow: str) -> bool:
    """Whether a number of a protocol stands in the span, and hardly a digit beside it."""
    within = [(a, b) for a, b in protocol if a < span.end and span.start < b]
    beside = sum(
        shadow[at].isdigit() and not any(a <= at < b for a, b in within)
        for at in range(span.start, span.end)
    )
    return bool(within) and beside <= KEPT_BESIDE_MAX


def _unfolded(line: Line, spans: Iterable[Span]) -> Iterable[Span]:
    if line.offsets is None:
        return spans
    offsets = line.offsets
    return [Span(offsets[s.start], offsets[s.end - 1] + 1, s.kind, s.layer) for s in spans]


def merge(found: list[Span], text: str) -> list[Span]:
    """Join spans that overlap or that only a space parts; the widest gives the kind."""
    merged: list[Span] = []
    for span in sorted(found, key=lambda s: (s.start, -s.end)):
        if span.end <= span.start:
            continue
        if merged:
            last = merged[-1]
            if span.start < last.end or (
                span.kind is last.kind and not text[last.end : span.start].strip(" ")
            ):
                wider = last if last.end - last.start >= span.end - span.start else span
                merged[-1] = Span(last.start, max(last.end, span.end), wider.kind, wider.layer)
                continue
        merged.append(span)
    return merged


def cut(text: str, spans: Iterable[Span]) -> str:
    """The record with a placeholder for each span."""
    out: list[str] = []
    at = 0
    for span in spans:
        out.extend((text[at : span.start], span.kind.placeholder))
        at = span.end
    out.append(text[at:])
    return "".join(out)
