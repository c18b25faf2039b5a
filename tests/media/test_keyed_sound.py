"""Keys that come as tones, as messages or as both: each once, and no tone in what is listened to."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.dtmf import KeyToneDetector
from pipeline.media.keyed_sound import KeyedSound
from tests.media.key_tones import FRAME, Pcm, frames, key_tone, line, quiet, voice


def listened(sound: Pcm, messages: dict[float, str], chunk: int = FRAME) -> tuple[Pcm, str]:
    """What is handed on of a sound in real time, with a message's key at each of these milliseconds."""
    out: list[bytes] = []
    keys: list[str] = []
    keyed = KeyedSound(8_000, out.append, keys.append)
    waiting = sorted(messages.items())
    for begin in range(0, len(sound), chunk):
        piece = sound[begin : begin + chunk]
        now_ms = (begin + len(piece)) / 8.0
        while waiting and waiting[0][0] <= now_ms:
            keyed.told(waiting.pop(0)[1], now_ms)
        keyed.feed(piece.tobytes(), now_ms)
    assert not waiting
    return np.frombuffer(b"".join(out), "<i2"), "".join(keys)


def keys_in(pcm: Pcm) -> str:
    detector = KeyToneDetector(8_000)
    return "".join(detector.feed(frame).key or "" for frame in frames(pcm))


def number(keys: str, tone_ms: float) -> Pcm:
    parts = [quiet(100.0)]
    for key in keys:
        parts += [key_tone(key, tone_ms), quiet(100.0)]
    return line(*parts, quiet(300.0))


@pytest.mark.parametrize("chunk", [80, 160, 213, 480])
def test_tones_without_a_message_are_keys_and_out_of_the_sound(chunk: int) -> None:
    sound = number("5550133", 80.0)
    out, keys = listened(sound, {}, chunk)
    assert keys == "5550133"
    assert keys_in(sound) == "5550133"
    assert keys_in(out) == ""
    assert len(sound) - len(out) <= 3 * FRAME


@pytest.mark.parametrize("after_ms", [-100.0, 20.0, 40.0, 90.0, 400.0])
def test_tones_with_a_message_each_are_one_key_each(after_ms: float) -> None:
    begins = [100.0 + 180.0 * at for at in range(7)]
    told = {begin + after_ms: key for begin, key in zip(begins, "5550133", strict=True)}
    out, keys = listened(number("5550133", 80.0), told)
    assert keys == "5550133"
    assert keys_in(out) == ""


@pytest.mark.parametrize("tone_ms", [65.0, 80.0, 200.0])
@pytest.mark.parametrize("tones_of_told", [True, False])
@pytest.mark.parametrize("told", ["xx.....", ".....xx", "x.x.x.x", "...x..."])
def test_a_line_that_tells_of_some_keys_alone_loses_none(
    told: str, tones_of_told: bool, tone_ms: float
) -> None:
    keys, messages, parts = "5801364", {}, [quiet(100.0)]
    for at, (key, how) in enumerate(zip(keys, told, strict=True)):
        if how == "x":
            messages[100.0 + at * (tone_ms + 120.0) + tone_ms + 30.0] = key
        sounds = tones_of_told or how != "x"
        parts += [key_tone(key, tone_ms) if sounds else quiet(tone_ms), quiet(120.0)]
    out, found = listened(line(*parts, quiet(2_000.0)), messages)
    assert found == keys
    assert keys_in(out) == ""


def test_what_is_left_of_tones_that_a_carrier_takes_out_is_no_key() -> None:
    """40 ms at both ends of each, of a key that is held and of one whose message comes late."""
    parts, messages = [quiet(100.0)], {}
    for at, key in enumerate("2297"):
        parts += [key_tone(key, 40.0), quiet(2_000.0), key_tone(key, 40.0), quiet(920.0)]
        messages[100.0 + 3_000.0 * at + 10.0] = key
    assert listened(line(*parts, quiet(2_000.0)), messages)[1] == "2297"


def test_a_key_held_for_seconds_whose_message_comes_at_its_end_is_one_key() -> None:
    out, keys = listened(number("4", 3_000.0), {3_140.0: "4"})
    assert keys == "4"
    assert keys_in(out) == ""
    loud = np.flatnonzero(np.abs(out.astype(int)) > 500)
    assert loud.size == 0 or (loud[-1] - loud[0]) / 8.0 <= 12.0


HELD_FROM_MS = 2_300.0


def held_with_a_hole(hole_ms: float, told_ms: tuple[float, ...]) -> str:
    """The keys of a line that has told of a 7, and of a 4 with a hole in it whose words come so long after it began."""
    parts = [quiet(100.0), key_tone("7", 100.0), quiet(HELD_FROM_MS - 200.0), key_tone("4", 250.0)]
    parts += [quiet(hole_ms), key_tone("4", 300.0), quiet(2_500.0)]
    messages = {150.0: "7"} | {HELD_FROM_MS + at_ms: "4" for at_ms in told_ms}
    return listened(line(*parts), messages)[1]


@pytest.mark.parametrize("hole_ms", [30.0, 45.0, 60.0])
@pytest.mark.parametrize("told_ms", [0.0, 40.0, 270.0, 700.0, 1_400.0])
def test_a_held_key_that_a_hole_splits_and_one_message_tells_of_is_one_key(
    hole_ms: float, told_ms: float
) -> None:
    assert held_with_a_hole(hole_ms, (told_ms,)) == "74"


@pytest.mark.parametrize("hole_ms", [45.0, 120.0])
def test_a_key_that_is_told_of_twice_is_two(hole_ms: float) -> None:
    for told_ms in ((40.0, 340.0), (270.0, 700.0), (900.0, 950.0)):
        assert held_with_a_hole(hole_ms, told_ms) == "744"


def test_the_same_key_pressed_twice_and_told_of_once_or_never_is_two() -> None:
    """A line may tell of some keys alone; one that tells of none any more is heard by its tones, split or not."""
    for hole_ms, told_ms in ((120.0, (40.0,)), (120.0, (700.0,)), (45.0, ()), (120.0, ())):
        assert held_with_a_hole(hole_ms, told_ms) == "744"


def test_a_message_over_silence_is_a_key() -> None:
    assert listened(line(quiet(2_000.0)), {300.0: "1", 700.0: "1", 1_500.0: "2"})[1] == "112"


def test_words_pass_as_they_were() -> None:
    said = voice("Could I come in on Thursday instead, around a quarter to four?", "slt")
    out, keys = listened(said, {})
    assert keys == ""
    assert np.array_equal(out, said[: len(out)])
    assert len(said) - len(out) <= 3 * FRAME
