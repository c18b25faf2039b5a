"""Plays a caller's part on a call: waits for the question, answers, interrupts when asked to, checks the request.

Knows the script and the caller; prints nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.audio import Samples
from bench.caller import Caller
from bench.errors import NothingHeard
from bench.record import TurnRecord
from bench.script import SILENCE, Part, Script
from bench.voices import Voice

REPLY_LIMIT_MS = 15_000.0
"""A server that says nothing for this long is stuck: its own watchdog speaks after 3 s."""
SPEECH_LIMIT_MS = 60_000.0
"""No reply or greeting is longer."""
SILENCE_MS = 9_000.0
"""A chosen silence: past the first no-input prompt (7 s), before the second."""
GOODBYE_MS = 20_000.0
"""The server's time to say goodbye once the request is complete."""
MAX_TURNS = 40
SAME_QUESTION_LIMIT = 7
"""A number is asked three times of a caller who is understood each time."""


@dataclass(frozen=True, slots=True)
class Interruptions:
    """How the caller cuts in: so many times, so long after a reply's first sample."""

    count: int
    after_ms: tuple[float, float]
    """A range to draw from."""
    per_reply: int = 1
    """How often the same words are cut: the interrupting line asks to hear them again."""


NO_INTERRUPTIONS = Interruptions(0, (0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call did what the script expects."""

    met: bool
    why: str
    """One sentence when it is not."""


async def play(
    call: Caller,
    script: Script,
    voice: Voice,
    *,
    draw: random.Random,
    interruptions: Interruptions = NO_INTERRUPTIONS,
    keys: str = "",
) -> Verdict:
    """Have the whole conversation; with `keys`, the phone number is answered by keypad."""
    part = Part(script)
    left = interruptions.count
    await call.reply_over(SPEECH_LIMIT_MS)
    for _ in range(MAX_TURNS):
        if call.has_ended():
            break
        if call.record.request_complete:
            await _goodbye(call)
            break
        if part.most_asked() > SAME_QUESTION_LIMIT:
            return Verdict(False, "the same question came again and again: we were not understood")
        agent_words = call.record.turns[-1].reply or _last_words(call)
        turn = await _answer(call, script, part, voice, agent_words, keys)
        if call.has_ended():
            break
        for _ in range(min(left, interruptions.per_reply) if turn.how == "speech" else 0):
            after_ms = draw.uniform(*interruptions.after_ms)
            left -= await cut_in(call, voice, script.interrupt, after_ms)
            if call.has_ended():
                break
        await call.reply_over(REPLY_LIMIT_MS + SPEECH_LIMIT_MS)
    return verdict(call, script)


async def _answer(
    call: Caller, script: Script, part: Part, voice: Voice, agent_words: str, keys: str
) -> TurnRecord:
    shown = call.record.request
    if keys and script.asked(agent_words) == "phone":
        turn = await call.press(keys)
    else:
        line = part.next_line(agent_words, shown)
        if line == SILENCE:
            return await call.silence(SILENCE_MS)
        turn = await call.say(await voice.speak(line), line)
    await call.heard_reply(turn, REPLY_LIMIT_MS)
    return turn


async def cut_in(call: Caller, voice: Voice, line: str, after_ms: float) -> bool:
    """Interrupt the reply that has just begun; False when it was over before its time came."""
    began_ms = call.ear.last_loud_ms or call.clock.now_ms()
    samples = await voice.speak(line)
    await call.pause(max(0.0, began_ms + after_ms - call.clock.now_ms()))
    if call.has_ended() or call.ear.silent_for_ms() > 300.0:
        return False
    turn = await call.say(samples, line)
    await call.heard_reply(turn, REPLY_LIMIT_MS)
    return True


async def speak_lines(
    call: Caller, lines: Sequence[tuple[str, Samples]], barge_in_after_ms: float | None
) -> None:
    """Say given lines one after another; with `barge_in_after_ms`, each later one interrupts the reply.

    A single line is said again: it interrupts the reply to itself.
    """
    if barge_in_after_ms is not None and len(lines) == 1:
        lines = (*lines, *lines)
    await call.reply_over(SPEECH_LIMIT_MS)
    for number, (line, samples) in enumerate(lines):
        if call.has_ended():
            return
        turn = await call.say(samples, line)
        await call.heard_reply(turn, REPLY_LIMIT_MS)
        if barge_in_after_ms is not None and number + 1 < len(lines):
            await call.pause(barge_in_after_ms)
        else:
            await call.reply_over(SPEECH_LIMIT_MS)


async def _goodbye(call: Caller) -> None:
    waited_ms = 0.0
    while not call.has_ended() and waited_ms < GOODBYE_MS:
        await call.pause(100.0)
        waited_ms += 100.0
    if not call.has_ended():
        raise NothingHeard("the request was complete and the server did not say goodbye")


def _last_words(call: Caller) -> str:
    return next((turn.reply for turn in reversed(call.record.turns) if turn.reply), "")


def verdict(call: Caller, script: Script) -> Verdict:
    """Compare the request with what was said."""
    shown = call.record.request
    if script.wrong(shown):
        return Verdict(False, f"the request is wrong in: {', '.join(script.wrong(shown))}")
    if script.missing(shown):
        return Verdict(False, f"the request lacks: {', '.join(script.missing(shown))}")
    if not call.record.request_complete:
        return Verdict(False, "the request was not confirmed before the call ended")
    return Verdict(True, "")
