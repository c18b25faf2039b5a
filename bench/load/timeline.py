"""What a call's notes say about each of its turns: times on the caller's clock. Calculations on what was noted.

A sample counts as sent when its frame goes out, as heard when its packet arrives. A reply is known by its tone, so
what belongs to an old one is seen as such however late it comes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from bench.load import context, cutoffs
from bench.load.context import InContext
from bench.load.cutoffs import Paused
from bench.load.door import Heard, Notes
from bench.load.part import Cue, How, Part
from models.timed.held import tells
from models.timed.tags import UNTAGGED
from models.timed.times import Times
from pipeline.line import FRAME_MS

SPEAKING_GAP_MS = 120.0
"""Who was heard this recently is still speaking."""
DUCK_DB = 9.0
"""A reply this much quieter than before was lowered on purpose: the server lowers by 15."""
BACK_AFTER_MS = 60.0
"""A reply that was away for longer was stopped and taken up again."""
LEAD_FRAMES = 10
"""The first packets of a reply come ahead of time, to fill the far end: pacing begins after them."""
SAME_REPLY_MS = 400.0
STRETCH_MS = 350.0
"""Longer than a pause between two words; between two sentences a new stretch may begin, which hurts nobody."""
WORD_ERROR_MS = 2.0
"""The server's word has a millisecond's digits, and a packet that left just before it is on its way."""
TAKEN_UP_MS = 300.0
"""Words that interrupt last longer, and only after them a reply goes on."""
LOST_MS = 150.0
"""A reply that is shorter than others of its length by more lost something."""


@dataclass(slots=True)
class Turn:
    """One utterance of the caller, and what became of it."""

    call: int
    number: int
    how: How
    said: str
    onset_ms: float
    """When its first sample was sent, on the caller's clock."""
    end_ms: float
    """The same of the last sample of speech: every mark counts from here."""
    tag: int | None = None
    """The reply that answered it."""
    first_sound_ms: float | None = None
    first_content_ms: float | None = None
    talked_over: bool = False
    """The answer began before the caller had finished."""
    interrupted: bool = False
    """A reply was heard as the caller began."""
    duck_ms: float | None = None
    """From the onset, as the next three."""
    clear_ms: float | None = None
    silent_ms: float | None = None
    stale_frames: int = 0
    """Packets of the old reply after the word that voids it."""
    stale_ms: float | None = None
    """From that word to the last of them; 0 when there was none."""
    came_back_ms: float | None = None
    """Of a noise: from its end to the reply that goes on; 0 when it never stopped."""
    lost_reply: bool = False
    """Of a noise: the reply did not come to its end."""
    written_pauses: int = 0
    """Inside what was said."""
    pauses: tuple[Paused, ...] = ()
    """Those of them that could be judged."""
    context: InContext | None = None
    """Of an interruption whose answer tells it: what the conversation holds of the reply that was cut."""
    server_ms: dict[str, float] = field(default_factory=dict)
    """The server's own marks after the caller's last sample, on the caller's clock."""

    @property
    def answered(self) -> bool:
        """The caller was answered."""
        return self.first_content_ms is not None


def turns(number: int, notes: Notes, part: Part, times: Times | None = None) -> list[Turn]:
    """Every utterance of one call that was really sent; `times` are those of its timed engines."""
    cues = [cue for cue in part.cues if _sent(notes, cue)]
    whole_ms = _whole_reply_ms(notes)
    found = list[Turn]()
    for index, cue in enumerate(cues):
        turn = Turn(
            number,
            index,
            cue.how,
            cue.said,
            notes.sent_ms[cue.onset_frame],
            notes.sent_ms[cue.end_frame],
        )
        following = next((c for c in cues[index + 1 :] if c.how != "cough"), None)
        until_ms = math.inf if following is None else notes.sent_ms[following.onset_frame]
        if cue.how == "cough":
            _disturbed(turn, notes, until_ms, whole_ms)
        else:
            _answered(turn, notes, until_ms)
            _paused(turn, notes, cue)
            if (
                times is not None
                and tells(times)
                and turn.how == "interruption"
                and turn.interrupted
            ):
                since_ms = found[-1].end_ms if found else -math.inf
                _held(turn, notes, times, since_ms, until_ms)
        found.append(turn)
    return found


def numbered(heard: Sequence[Heard], voids_ms: Sequence[float]) -> list[Heard]:
    """What engines say that have no tones: each stretch of sound is a reply of its own, numbered from 1.

    A stretch ends with a pause no sentence has inside it, or with the word that voids it; what is a filler stays unknown.
    """
    found = list[Heard]()
    number, last_ms, voids = UNTAGGED, -math.inf, deque(sorted(voids_ms))
    for frame in heard:
        if not frame.loud:
            found.append(replace(frame, tag=None))
            continue
        fresh = frame.at_ms - last_ms > STRETCH_MS
        while voids and voids[0] < frame.at_ms:
            voids.popleft()
            fresh = True
        number += fresh
        last_ms = frame.at_ms
        found.append(replace(frame, tag=number))
    return found


def pacing_errors_ms(heard: Sequence[Heard]) -> list[float]:
    """How far each packet came from one packet's length after the one before, inside replies."""
    errors = list[float]()
    lengths: list[list[float]] = []  # arrival, frames
    run_tag: int | None = None
    for frame in heard:
        if frame.tag is None:
            continue
        if frame.first:
            again = bool(lengths) and frame.at_ms - lengths[-1][0] < SAME_REPLY_MS
            if frame.tag != run_tag or not again:
                errors += _intervals(lengths)
                lengths, run_tag = [], frame.tag
            lengths.append([frame.at_ms, 1.0])
        elif lengths:
            lengths[-1][1] += 1.0
    return errors + _intervals(lengths)


def late_frames(heard: Sequence[Heard]) -> int:
    """Frames of a reply that came a frame or more after what came before them had been played: holes that are heard."""
    return sum(
        before.tag is not None
        and before.tag == frame.tag
        and FRAME_MS < frame.played_ms - (before.played_ms + FRAME_MS) < SAME_REPLY_MS
        for before, frame in pairwise(heard)
    )


def _intervals(lengths: Sequence[Sequence[float]]) -> list[float]:
    paced = lengths[LEAD_FRAMES:-1]
    return [abs(after[0] - before[0] - before[1] * FRAME_MS) for before, after in pairwise(paced)]


def _sent(notes: Notes, cue: Cue) -> bool:
    """Both ends of it left, neither was skipped."""
    if cue.end_frame >= len(notes.sent_ms):
        return False
    return not math.isnan(notes.sent_ms[cue.onset_frame] + notes.sent_ms[cue.end_frame])


def _audible(frame: Heard, voids_ms: Sequence[float]) -> bool:
    """It was played, and not thrown away before."""
    return not any(
        frame.at_ms <= void_ms <= frame.played_ms
        for void_ms in voids_ms
        if frame.played_ms > frame.at_ms
    )


def _speaking_at(notes: Notes, onset_ms: float) -> int | None:
    """The reply that was being heard as the caller began; None when there was silence."""
    found = None
    for frame in notes.heard:
        if frame.played_ms > onset_ms:
            break
        if (
            frame.loud
            and frame.played_ms >= onset_ms - SPEAKING_GAP_MS
            and _audible(frame, notes.voids_ms)
        ):
            found = frame.tag
    return found


def _answered(turn: Turn, notes: Notes, until_ms: float) -> None:
    old = _speaking_at(notes, turn.onset_ms)
    turn.interrupted = old is not None
    if turn.interrupted:
        _cut(turn, notes, old, until_ms)
    for frame in notes.heard:
        if not turn.onset_ms < frame.at_ms < until_ms or not frame.loud or frame.tag == old:
            continue
        if frame.tag is None and frame.at_ms <= turn.end_ms:
            continue  # the end of a reply that fades has no tone
        if turn.first_sound_ms is None:
            turn.first_sound_ms = frame.at_ms - turn.end_ms
        if frame.tag is not None and frame.tag != UNTAGGED:
            turn.first_content_ms, turn.tag = frame.at_ms - turn.end_ms, frame.tag
            break
    if turn.first_content_ms is not None and turn.first_content_ms < 0:
        turn.talked_over, turn.first_content_ms, turn.first_sound_ms = True, None, None


def _paused(turn: Turn, notes: Notes, cue: Cue) -> None:
    """Whether a reply was heard in a pause or after it; who began while one was heard had cut in, and was not cut off."""
    turn.written_pauses = len(cue.pauses)
    if not cue.pauses or turn.interrupted:
        return
    audible_ms = [
        frame.played_ms
        for frame in notes.heard
        if turn.onset_ms < frame.played_ms < turn.end_ms
        and frame.loud
        and _audible(frame, notes.voids_ms)
    ]
    turn.pauses = cutoffs.pauses(notes, cue, audible_ms)


def _held(turn: Turn, notes: Notes, times: Times, since_ms: float, until_ms: float) -> None:
    """What the answer tells of the reply that this turn cut, where it was heard to its end before the caller spoke again."""
    old, new = _speaking_at(notes, turn.onset_ms), turn.tag
    if old is None or old == UNTAGGED or new is None or new in (old, UNTAGGED):
        return
    cut = [
        frame
        for frame in notes.heard
        if since_ms < frame.at_ms < turn.end_ms and _audible(frame, notes.voids_ms)
    ]
    told = [frame for frame in notes.heard if turn.end_ms < frame.at_ms < until_ms]
    heard_ms, told_ms = context.tone_ms(cut, old), context.tone_ms(told, new)
    last_ms = max((frame.played_ms for frame in told if frame.tag == new), default=math.inf)
    if heard_ms is not None and told_ms is not None and last_ms + SPEAKING_GAP_MS < until_ms:
        turn.context = context.in_context(times, old, heard_ms, new, told_ms)


def _cut(turn: Turn, notes: Notes, old: int | None, until_ms: float) -> None:
    """How fast the old reply was lowered, voided and silent."""
    void_ms = next((at for at in notes.voids_ms if turn.onset_ms < at < until_ms), None)
    levels = [
        frame.level_dbfs
        for frame in notes.heard
        if frame.tag == old and turn.onset_ms - 400.0 <= frame.played_ms <= turn.onset_ms
    ]
    usual_db = median(levels) if levels else 0.0
    last_ms = turn.onset_ms
    for frame in notes.heard:
        if frame.tag != old or not turn.onset_ms < frame.played_ms < until_ms:
            continue
        if turn.duck_ms is None and frame.level_dbfs <= usual_db - DUCK_DB:
            turn.duck_ms = frame.played_ms - turn.onset_ms
        if _audible(frame, notes.voids_ms):
            last_ms = frame.played_ms
    if void_ms is not None:
        turn.clear_ms = void_ms - turn.onset_ms
        from_ms = void_ms + notes.on_way_ms
        arrived = [f.at_ms for f in notes.heard if f.tag == old and from_ms < f.at_ms < until_ms]
        _count_stale(turn, arrived, void_ms)
    if last_ms < turn.end_ms - SPEAKING_GAP_MS:
        turn.silent_ms = last_ms - turn.onset_ms


def voided(turn: Turn, notes: Notes, at_ms: float) -> None:
    """A telephone is told nothing: by the server's own word this reply was void from then on."""
    old = _speaking_at(notes, turn.onset_ms)
    if old is None:
        return
    turn.clear_ms = at_ms - turn.onset_ms
    from_ms = at_ms + WORD_ERROR_MS + notes.on_way_ms
    _count_stale(turn, [f.at_ms for f in notes.heard if f.tag == old and f.at_ms > from_ms], at_ms)


def _count_stale(turn: Turn, arrived_ms: Sequence[float], void_ms: float) -> None:
    """What came without a pause after the word. A reply that is taken up again, because the voice was none, is no stale one."""
    turn.stale_frames, turn.stale_ms, last_ms = 0, 0.0, void_ms
    for at_ms in arrived_ms:
        if at_ms - last_ms > TAKEN_UP_MS:
            break
        turn.stale_frames += 1
        turn.stale_ms = at_ms - void_ms
        last_ms = at_ms


def _disturbed(turn: Turn, notes: Notes, until_ms: float, whole_ms: float) -> None:
    """A noise: whether the reply came to its end all the same, and how long it was away."""
    old = _speaking_at(notes, turn.onset_ms)
    turn.interrupted = old is not None and old != UNTAGGED
    if not turn.interrupted:
        return
    frames = [
        frame
        for frame in notes.heard
        if frame.tag == old
        and turn.onset_ms - 60_000.0 < frame.played_ms < until_ms
        and _audible(frame, notes.voids_ms)
    ]
    turn.came_back_ms = 0.0
    for before, after in pairwise(frames):
        away_ms = after.played_ms - before.played_ms
        if after.played_ms > turn.onset_ms and away_ms > BACK_AFTER_MS:
            turn.came_back_ms = max(0.0, after.played_ms - turn.end_ms)
            break
    turn.lost_reply = len(frames) * FRAME_MS < whole_ms - LOST_MS


def _whole_reply_ms(notes: Notes) -> float:
    """How long a reply is that nobody cut: the longest that was heard."""
    lengths: dict[int, int] = {}
    longest, last = 0, None
    for frame in notes.heard:
        if frame.tag is None or frame.tag == UNTAGGED:
            continue
        if frame.tag != last:
            lengths[frame.tag] = 0  # the same tone comes again after sixteen turns
            last = frame.tag
        if _audible(frame, notes.voids_ms):
            lengths[frame.tag] += 1
            longest = max(longest, lengths[frame.tag])
    return longest * FRAME_MS
