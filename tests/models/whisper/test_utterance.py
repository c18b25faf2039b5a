"""An utterance while it grows: what is due, what is covered, where it is cut."""

from __future__ import annotations

import numpy as np

from models.whisper.queue import Urgency
from models.whisper.utterance import MOST_SAMPLES, Heard, Stretch, Utterance, quietest

FRAME = 320


def voice(ms: int) -> bytes:
    return np.full(16 * ms, 4_000, np.int16).tobytes()


def quiet(ms: int) -> bytes:
    return bytes(32 * ms)


def feed(utterance: Utterance, pcm: bytes) -> list[tuple[int, Urgency]]:
    """Feed in frames; returns what became due and after how many milliseconds."""
    due = []
    for at in range(0, len(pcm), 2 * FRAME):
        urgency = utterance.feed(pcm[at : at + 2 * FRAME])
        if urgency is not None:
            due.append((utterance.end_sample // 16, urgency))
            if utterance.stretch() is None:
                raise AssertionError("due, but nothing to decode")
    return due


def complete(utterance: Utterance) -> bool:
    return utterance.complete


def hear(utterance: Utterance, words: str) -> Stretch:
    stretch = utterance.stretch()
    assert stretch is not None
    utterance.heard(stretch, Heard(tuple(words.split()), (), 0.9))
    return stretch


def begun(lead_ms: int = 300) -> Utterance:
    utterance = Utterance(partial_every_ms=300.0, pause_ms=40.0)
    utterance.feed(quiet(lead_ms))
    return utterance


def test_quiet_alone_is_never_decoded() -> None:
    utterance = begun()
    assert feed(utterance, quiet(5_000)) == []
    assert complete(utterance)
    assert utterance.stretch() is None


def test_a_decode_is_due_each_300_ms_of_voice_and_once_at_a_pause() -> None:
    utterance = begun()
    due = feed(utterance, voice(1_000) + quiet(400))
    partial, pause = Urgency.PARTIAL, Urgency.PAUSE
    assert due == [(600, partial), (900, partial), (1_200, partial), (1_340, pause)]


def test_a_decode_that_heard_the_beginning_of_the_pause_covers_everything_after() -> None:
    utterance = begun()
    feed(utterance, voice(600) + quiet(60))
    assert not complete(utterance)
    hear(utterance, "yes please")
    feed(utterance, quiet(500))
    assert complete(utterance)
    assert utterance.agreed == "yes please"
    assert utterance.best.words == ("yes", "please")


def test_going_on_after_a_pause_makes_another_decode_due() -> None:
    utterance = begun()
    feed(utterance, voice(600) + quiet(60))
    hear(utterance, "yes")
    feed(utterance, quiet(300) + voice(400) + quiet(60))
    assert not complete(utterance)
    hear(utterance, "yes please")
    assert complete(utterance)


def test_only_agreed_words_are_shown_while_the_caller_speaks() -> None:
    utterance = begun()
    feed(utterance, voice(600))
    hear(utterance, "i need a")
    feed(utterance, voice(400))
    assert utterance.agreed == ""
    hear(utterance, "i need the refill")
    feed(utterance, voice(400))
    assert utterance.agreed == "i need"


def test_agreed_words_but_the_last_two_are_forced_at_the_next_decode() -> None:
    utterance = begun()
    for words in ("i need a refill", "i need a refill of my"):
        feed(utterance, voice(400))
        hear(utterance, words)
    feed(utterance, voice(400) + quiet(60))
    assert hear(utterance, "i need a refill of my metformin").prefix == ("i", "need")


def test_an_older_decode_does_not_replace_a_newer() -> None:
    utterance = begun()
    feed(utterance, voice(600))
    older = utterance.stretch()
    assert older is not None
    feed(utterance, voice(400))
    hear(utterance, "new words")
    utterance.heard(older, Heard(("old",)))
    assert utterance.best.words == ("new", "words")


def test_a_long_utterance_is_cut_at_its_best_pause_and_its_words_stay() -> None:
    utterance = begun()
    feed(utterance, voice(12_000) + quiet(200) + voice(9_000))
    cut = utterance.stretch()
    assert cut is not None
    assert cut.cut
    assert 12_300 <= cut.until_sample // 16 <= 12_500
    utterance.heard(cut, Heard(("the", "first", "half"), (), 0.8))
    feed(utterance, voice(300) + quiet(60))
    rest = hear(utterance, "the second half")
    assert not rest.cut
    assert rest.first_sample == cut.until_sample
    assert utterance.agreed == "the first half the second half"
    assert utterance.best.confidence == 0.8


def test_a_minute_that_nobody_decodes_is_bounded() -> None:
    utterance = begun()
    feed(utterance, voice(60_000))
    stretch = utterance.stretch()
    assert stretch is not None
    assert len(stretch.samples) <= MOST_SAMPLES
    assert utterance.lost
    assert utterance.end_sample == 16 * 60_300


def test_words_before_a_long_quiet_stay_and_nothing_is_lost() -> None:
    utterance = begun()
    feed(utterance, voice(600) + quiet(60))
    hear(utterance, "yes please")
    feed(utterance, quiet(40_000))
    assert complete(utterance)
    assert utterance.agreed == "yes please"
    feed(utterance, voice(600) + quiet(60))
    stretch = hear(utterance, "and thank you")
    assert len(stretch.samples) <= MOST_SAMPLES
    assert utterance.best.words == ("yes", "please", "and", "thank", "you")
    assert not utterance.lost


def test_quiet_that_is_let_go_before_a_voice_is_no_loss() -> None:
    utterance = begun()
    feed(utterance, quiet(20_000) + voice(9_000))
    assert not utterance.lost
    feed(utterance, voice(20_000))
    assert utterance.lost


def test_a_stretch_from_before_the_audio_was_let_go_is_not_taken() -> None:
    utterance = begun()
    feed(utterance, voice(10_000))
    stretch = utterance.stretch()
    assert stretch is not None
    feed(utterance, voice(30_000))
    utterance.heard(stretch, Heard(("old",)))
    assert utterance.best.words == ()


def test_odd_bytes_and_nothing_at_all_are_borne() -> None:
    utterance = begun(0)
    for piece in (b"", b"\x01", b"\x00" * 639, b"\x02" * 3):
        utterance.feed(piece)
    utterance.stretch()
    assert utterance.end_sample == 321


def test_the_quietest_place_is_found() -> None:
    levels = np.full(1_200, -20.0, np.float32)
    levels[700:710] = -60.0
    assert 700 <= quietest(levels) <= 710
    assert quietest(np.full(10, -20.0, np.float32)) == 5
