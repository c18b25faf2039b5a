"""Whether a caller who paused was cut off: a reply's sound that is heard in a pause, or over the rest of the turn (target E1).

A turn that the server closed and opened again with nothing heard is no cut-off. Calculations on what a call noted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.load.door import Notes
from bench.load.part import Cue, frame_of
from bench.load.pauses import Kind
from bench.load.row import Limit, Measure, Row

CUT_PERCENT_MOST = 2.0
WAIT_MS_MOST = 300.0


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause that was really made, and what became of it."""

    kind: Kind
    length_ms: float
    heard_ms: float | None
    """From its first sample to the first of a reply that was heard in it or over what follows it; None: nobody was cut off."""


def pauses(notes: Notes, cue: Cue, audible_ms: Sequence[float]) -> tuple[Paused, ...]:
    """The pauses of one utterance; `audible_ms` is when a frame of a reply was played, in order.

    Behind the first that was cut off nothing is known of the others, and nothing at all where a reply was heard before the first
    or a frame of ours was skipped.
    """
    from_ms = [notes.sent_ms[frame_of(each.from_sample - 1)] for each in cue.pauses]
    to_ms = [notes.sent_ms[frame_of(each.end_sample)] for each in cue.pauses]
    ends_ms = [*from_ms[1:], notes.sent_ms[cue.end_frame]]
    if any(math.isnan(at_ms) for at_ms in (*from_ms, *to_ms, *ends_ms)):
        return ()
    found = list[Paused]()
    begin_ms = notes.sent_ms[cue.onset_frame]
    if from_ms and any(begin_ms < at_ms <= from_ms[0] for at_ms in audible_ms):
        return ()  # it spoke into words, and did not take a pause for their end
    for pause, since_ms, back_ms, end_ms in zip(cue.pauses, from_ms, to_ms, ends_ms, strict=True):
        first_ms = next((at for at in audible_ms if begin_ms < at < end_ms), None)
        heard_ms = None if first_ms is None else first_ms - since_ms
        found.append(Paused(pause.kind, back_ms - since_ms, heard_ms))
        if first_ms is not None:
            break
        begin_ms = end_ms
    return tuple(found)


def rows(
    paused: Iterable[Paused], made: int, decided_ms: Sequence[float], wire_ms: Sequence[float]
) -> list[Row]:
    """Target E1; `decided_ms` and `wire_ms` are waits after sentences without a pause, `made` how many pauses were written."""
    known = tuple(paused)
    left_out = made - len(known)
    first = Limit("value", "p50", most=WAIT_MS_MOST)
    return [
        _share("cutoffs.more", "pauses cut off where the words show that more will come", [each for each in known if each.kind == "more"]),
        _share("cutoffs.any", "pauses cut off where the words could have ended", [each for each in known if each.kind == "any"]),
        Row("cutoffs.unknown", "", "pauses not judged: behind a cut-off, or a reply was heard before the turn's first", "pauses",
            Measure("ours", count=float(left_out), of=made)),
        Row("ending.decision", "E1", "a complete sentence's last sample, as the server had it, to the decision to answer", "ms",
            Measure("ours", tuple(decided_ms)), None, first),
        Row("ending.wire", "", "the same sentences: last speech sent to the answer's first sample", "ms", Measure("ours", tuple(wire_ms))),
    ]  # fmt: skip


def _share(name: str, what: str, known: Sequence[Paused]) -> Row:
    limit = Limit("value", "worst", most=CUT_PERCENT_MOST)
    if not known:
        return Row(name, "E1", what, "%", Measure("ours"), None, limit)
    cut = sum(each.heard_ms is not None for each in known)
    percent = Measure("ours", count=round(100.0 * cut / len(known), 3), of=len(known))
    return Row(name, "E1", f"{what}: {cut} of {len(known)}", "%", percent, None, limit)
