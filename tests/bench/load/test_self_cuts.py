"""Our own voice comes back (target B3): what was cut though nobody spoke, and what was answered though nobody asked."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

from bench.audio import RATE_HZ
from bench.load import self_cuts
from bench.load.door import Notes, frequency_tag
from bench.load.echo import Returning
from bench.load.page_door import Playing
from bench.load.part import Part
from bench.load.results import World
from bench.load.run import Loaded
from bench.load.scenario import Echo
from bench.load.self_cuts import Echoed, Utterance, unprovoked
from bench.load.timeline import turns
from bench.load.turns import joined
from models.timed.tags import tone_hz
from pipeline.clock import LoopClock
from tests.bench.load.test_timeline import Call, cue, part

SAID = [Utterance(1_000.0, 2_000.0), Utterance(6_000.0, 7_000.0)]


@pytest.mark.parametrize(
    ("voids_ms", "cut"),
    [([], 0), ([1_180.0, 2_140.0], 0), ([900.0], 1), ([2_160.0], 1), ([1_500.0, 3_000.0, 8_000.0], 2)],
)  # fmt: skip
def test_what_voids_a_reply_while_nobody_speaks_is_our_own_voice(
    voids_ms: list[float], cut: int
) -> None:
    assert unprovoked(voids_ms, SAID) == cut


def world(call: Call) -> World:
    said = part(cue("speech", 50, 99), cue("speech", 300, 349))
    return World.of(Loaded("ours", "webrtc", 1, notes=[call.notes], parts=[said]))


def test_each_reply_answers_somebody_and_none_is_cut() -> None:
    call = Call().reply(0, 100.0, 10).reply(1, 2_230.0, 50).reply(0, 3_300.0, 5).reply(1, 3_400.0, 5)  # fmt: skip
    found = world(call.reply(2, 7_230.0, 50)).echoed
    assert found == Echoed(replies=2, heard_ms=2_400.0, cut=0, unasked=0)
    table = {row.id: row for row in self_cuts.rows(found)}
    assert {table[name].outcome(valid=True) for name in ("echo.cut", "echo.unasked")} == {"met"}
    assert {table[name].target for name in ("echo.cut", "echo.unasked")} == {"B3"}


def test_an_echo_that_cut_or_was_answered_is_a_miss() -> None:
    call = Call().reply(1, 2_230.0, 20).void(2_640.0).reply(2, 3_000.0, 20).reply(3, 7_230.0, 20)
    found = world(call).echoed
    assert (found.cut, found.unasked, found.replies) == (1, 1, 3)
    table = {row.id: row for row in self_cuts.rows(found)}
    assert {table[name].outcome(valid=True) for name in ("echo.cut", "echo.unasked")} == {"missed"}


def test_what_was_played_before_the_microphone_opened_did_not_come_back() -> None:
    call = Call().reply(0, 100.0, 60).reply(1, 2_230.0, 50)
    call.notes.sent_ms[:40] = [float("nan")] * 40
    assert world(call).echoed.heard_ms == 20.0 * (25 + 50)  # of the greeting what is from 800 ms on
    call.notes.sent_ms[130:] = []
    assert self_cuts.of(call.notes, SAID).heard_ms == 20.0 * (25 + 18)
    call.notes.sent_ms.clear()
    assert self_cuts.of(call.notes, SAID).heard_ms == 0.0


def test_rounds_are_counted_together() -> None:
    call = Call().reply(1, 2_230.0, 20).void(2_640.0)
    both = joined(world(call), world(call), 1)
    assert (both.echoed.cut, both.echoed.replies) == (2, 2)


def test_a_cough_explains_what_it_stopped() -> None:
    call = Call().reply(1, 2_230.0, 20).void(2_640.0)
    found = turns(0, call.notes, part(cue("speech", 50, 99), cue("cough", 120, 132)))
    said = [Utterance(turn.onset_ms, turn.end_ms) for turn in found]
    assert self_cuts.of(call.notes, said).cut == 0


async def packets(echo: Returning | None) -> list[bytes]:
    silence = Part((), np.zeros(15 * 960, np.int16), RATE_HZ)
    clock = LoopClock()
    microphone = Playing(clock, Notes(), 0, echo)
    microphone.begin(silence, clock.now_ms())
    return [bytes(await microphone.recv()) for _ in range(15)]


def tags(coded: list[bytes]) -> list[int | None]:
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.format, decoder.layout = RATE_HZ, "s16", "mono"
    pieces = [frame.to_ndarray().reshape(-1) for each in coded for frame in decoder.decode(av.Packet(each))]  # fmt: skip
    sound = np.concatenate(pieces).astype(np.int16)
    return [frequency_tag(sound[at : at + 960], RATE_HZ) for at in range(0, sound.size - 959, 960)]


async def test_what_a_page_plays_comes_back_into_its_microphone() -> None:
    echo = Returning(replace(Echo(), level_db=-12.0, delay_ms=100.0))
    time = np.arange(960) / RATE_HZ
    tone = (9_000 * np.sin(2 * np.pi * tone_hz(4) * time)).astype(np.int16)
    now_ms = LoopClock().now_ms()
    for n in range(6):
        echo.played(now_ms + 20.0 * n, tone)
    back = tags(await packets(echo))
    assert 4 not in back[:4]
    assert back.count(4) >= 4
    assert 4 not in tags(await packets(None))
