from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.media.playout import HARD_LEAD_MS, Playout
from tests.virtual_loop import VirtualLoop

RATE_HZ = 8_000
FRAME = 160


def tone_of(value: int, samples: int) -> bytes:
    """Audio whose every sample tells which reply it belongs to."""
    return np.full(samples, value, dtype="<i2").tobytes()


class Wire:
    """Keeps every frame that left."""

    def __init__(self, playout: Playout) -> None:
        self.frames: list[tuple[float, int, bytes, bool]] = []
        self.started: list[int] = []
        self.drained: list[int] = []
        playout.on_started = self.hear_start  # type: ignore[method-assign]  # hooks are replaced
        playout.on_drained = self.hear_end  # type: ignore[method-assign]  # hooks are replaced

    def hear_start(self, epoch: int) -> None:
        self.started.append(epoch)

    def hear_end(self, epoch: int) -> None:
        self.drained.append(epoch)

    def __call__(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        self.frames.append((asyncio.get_running_loop().time() * 1000.0, epoch, pcm, voiced))

    def voiced(self) -> list[tuple[float, int, bytes]]:
        return [(at, epoch, pcm) for at, epoch, pcm, voiced in self.frames if voiced]


def line() -> tuple[Playout, Wire]:
    playout = Playout(RATE_HZ)
    wire = Wire(playout)
    playout.attach(wire)
    return playout, wire


async def test_an_idle_line_sends_comfort_noise_on_the_grid() -> None:
    playout, wire = line()
    await asyncio.sleep(0.995)
    playout.detach()
    assert len(wire.frames) == 50
    assert np.allclose(np.diff([at for at, *_ in wire.frames]), 20.0)
    samples = np.frombuffer(b"".join(pcm for _, _, pcm, _ in wire.frames), dtype="<i2")
    level_dbov = 20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2)) / 32768)
    assert -67 < level_dbov < -63


async def test_first_frame_of_a_reply_leaves_at_once_and_the_grid_stays() -> None:
    playout, wire = line()
    await asyncio.sleep(0.205)
    playout.push(0, tone_of(5, 3 * FRAME))
    playout.end(0)
    await asyncio.sleep(0.2)
    playout.detach()
    assert [round(at) for at, _, _ in wire.voiced()] == [205, 240, 260]
    assert [round(at) for at, *_ in wire.frames][-3:] == [360, 380, 400]


async def test_repeated_starts_never_run_ahead_by_more_than_one_frame() -> None:
    playout, wire = line()
    await asyncio.sleep(0.101)
    for _ in range(10):
        playout.push(playout.flush() * 0 + playout.epoch, tone_of(7, FRAME))
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.1)
    playout.detach()
    sent_ms = [at for at, *_ in wire.frames]
    lead_ms = [20.0 * slot - (at - sent_ms[0]) for slot, at in enumerate(sent_ms)]
    assert max(lead_ms) <= 20.0 + 1e-6


async def test_sent_samples_counts_what_left_and_nothing_else() -> None:
    playout, wire = line()
    playout.push(0, tone_of(3, 10 * FRAME))
    await asyncio.sleep(0.070)
    on_the_wire = len(wire.voiced()) * FRAME
    assert playout.sent_samples == on_the_wire
    assert playout.queued_samples == 10 * FRAME - on_the_wire
    assert playout.flush() == on_the_wire
    assert playout.queued_samples == 0
    playout.detach()


async def test_partial_last_frame_counts_its_real_samples() -> None:
    playout, wire = line()
    playout.push(0, tone_of(1000, FRAME + 40))
    playout.end(0)
    await asyncio.sleep(0.1)
    playout.detach()
    assert playout.sent_samples == FRAME + 40
    assert len(wire.voiced()) == 2
    assert all(len(pcm) == 2 * FRAME for _, _, pcm in wire.voiced())
    assert wire.drained == [0]


async def test_a_reply_flushed_in_the_moment_it_was_queued_does_not_end_the_noise() -> None:
    playout, wire = line()
    await asyncio.sleep(0.105)
    playout.push(playout.epoch, tone_of(7, 20 * FRAME))
    playout.flush()
    await asyncio.sleep(1.0)
    playout.detach()
    assert wire.voiced() == []
    assert len(wire.frames) == pytest.approx(55, abs=1)


async def test_old_epoch_is_refused_after_a_flush() -> None:
    playout, wire = line()
    assert playout.push(0, tone_of(1, FRAME))
    playout.flush()
    assert not playout.push(0, tone_of(1, FRAME))
    playout.end(0)
    await asyncio.sleep(0.1)
    playout.detach()
    assert wire.voiced() == []
    assert wire.drained == []


async def test_replies_of_one_epoch_follow_each_other() -> None:
    playout, wire = line()
    playout.push(0, tone_of(1, FRAME))
    playout.end(0)
    playout.push(0, tone_of(2, FRAME))
    playout.end(0)
    await asyncio.sleep(0.1)
    playout.detach()
    assert wire.started == [0, 0]
    assert wire.drained == [0, 0]
    assert playout.sent_samples == FRAME


async def test_end_after_the_last_sample_still_drains() -> None:
    playout, wire = line()
    playout.push(0, tone_of(1, FRAME))
    await asyncio.sleep(0.05)
    assert wire.drained == []
    playout.end(0)
    await asyncio.sleep(0.05)
    playout.detach()
    assert wire.drained == [0]


async def test_a_starved_reply_sends_noise_and_fades_back_in() -> None:
    playout, wire = line()
    playout.push(0, tone_of(9_000, FRAME))
    await asyncio.sleep(0.1)
    playout.push(0, tone_of(9_000, FRAME))
    await asyncio.sleep(0.05)
    playout.detach()
    again = np.frombuffer(wire.voiced()[1][2], dtype="<i2")
    assert again[0] == 0
    assert np.all(np.diff(again) >= 0)
    assert again[-1] == 9_000
    assert wire.started == [0]


async def test_duck_lowers_by_15_db_without_a_step() -> None:
    playout, wire = line()
    playout.push(0, tone_of(10_000, 10 * FRAME))
    await asyncio.sleep(0.03)
    playout.set_gain_db(-15.0)
    await asyncio.sleep(0.08)
    playout.set_gain_db(0.0)
    await asyncio.sleep(0.06)
    playout.detach()
    samples = np.frombuffer(b"".join(pcm for _, _, pcm in wire.voiced()), dtype="<i2").astype(int)
    assert np.abs(np.diff(samples)).max() < 200
    assert samples.min() == round(10_000 * 10 ** (-15 / 20))
    assert samples[-1] == 10_000


async def test_a_stall_is_caught_up_by_three_frames_and_no_more() -> None:
    playout, wire = line()
    playout.push(0, tone_of(1, 100 * FRAME))
    await asyncio.sleep(0.1)
    before = len(wire.frames)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop._jumping.now_s += 0.5
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(wire.frames) - before <= 4
    await asyncio.sleep(0.1)
    playout.detach()
    assert np.allclose(np.diff([at for at, *_ in wire.frames[-4:]]), 20.0)


async def test_detach_keeps_the_queue_for_the_next_connection() -> None:
    playout, _ = line()
    playout.push(0, tone_of(4, 10 * FRAME))
    await asyncio.sleep(0.05)
    playout.detach()
    sent = playout.sent_samples
    await asyncio.sleep(1.0)
    assert playout.sent_samples == sent
    again = Wire(playout)
    playout.attach(again)
    await asyncio.sleep(0.05)
    playout.detach()
    assert playout.sent_samples == sent + len(again.voiced()) * FRAME


async def test_synthesis_waits_for_room() -> None:
    playout, _ = line()
    playout.push(0, tone_of(1, 31 * RATE_HZ))
    assert playout.room_ms <= 0
    loop = asyncio.get_running_loop()
    began = loop.time()
    await playout.wait_for_room()
    assert 0.9 < loop.time() - began < 1.2
    with pytest.raises(BufferError):
        playout.push(0, tone_of(1, int(HARD_LEAD_MS / 1000) * RATE_HZ))
    playout.detach()


async def test_a_hook_may_flush_and_push() -> None:
    playout, wire = line()

    def interrupt(epoch: int) -> None:
        wire.started.append(epoch)
        if epoch == 0:
            playout.flush()
            playout.push(playout.epoch, tone_of(2, FRAME))
            playout.end(playout.epoch)

    playout.on_started = interrupt  # type: ignore[method-assign]  # hooks are replaced
    playout.push(0, tone_of(1, FRAME))
    playout.end(0)
    await asyncio.sleep(0.2)
    playout.detach()
    assert wire.started == [0, 1]
    assert wire.drained == [1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 700)),
        st.tuples(st.just("late_push"), st.integers(1, 700)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 90)),
        st.tuples(st.just("reconnect"), st.just(0)),
        st.tuples(st.just("duck"), st.sampled_from([-15, 0])),
    ),
    max_size=40,
)


class Script:
    """Performs random steps on a line and remembers what may be on the wire afterwards."""

    def __init__(self) -> None:
        self.playout, self.wire = line()
        self.frames_at_flush: list[int] = []
        self.pushed = {0: 0}

    async def perform(self, step: str, amount: int) -> None:
        playout = self.playout
        match step:
            case "push":
                assert playout.push(playout.epoch, tone_of(1_000 + playout.epoch * 100, amount))
                self.pushed[playout.epoch] = self.pushed.get(playout.epoch, 0) + amount
            case "late_push":
                assert not playout.push(playout.epoch - 1, tone_of(999, amount))
            case "end":
                playout.end(playout.epoch)
            case "flush":
                playout.flush()
                self.frames_at_flush.append(len(self.wire.frames))
            case "wait":
                await asyncio.sleep(amount / 1000.0)
            case "reconnect":
                playout.detach()
                playout.attach(self.wire)
            case "duck":
                playout.set_gain_db(float(amount))


@given(steps=STEPS)
@settings(max_examples=300, deadline=None)
def test_no_interleaving_puts_an_old_epoch_on_the_wire(steps: list[tuple[str, int]]) -> None:
    """Rows T9 and T10: after a flush nothing older leaves, and two epochs never interleave."""

    async def scenario() -> None:
        script = Script()
        for step, amount in steps:
            await script.perform(step, amount)
        await asyncio.sleep(0.1)
        script.playout.detach()
        frames, voiced = script.wire.frames, script.wire.voiced()
        epochs = [epoch for _, epoch, _ in voiced]
        assert epochs == sorted(epochs)
        for epoch, count in enumerate(script.frames_at_flush):
            assert all(sent > epoch for _, sent, _, is_voiced in frames[count:] if is_voiced)
        for _, epoch, pcm in voiced:
            # ducking, fades and the noise behind a last sample may lower a frame, never relabel it
            loudest = int(np.abs(np.frombuffer(pcm, dtype="<i2")).max())
            assert loudest <= max(1_000 + epoch * 100, 120)
        for epoch, samples in script.pushed.items():
            sent_frames = sum(1 for _, sent, _ in voiced if sent == epoch)
            assert sent_frames * FRAME <= samples + FRAME * (1 + steps.count(("end", 0)))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scenario())


class Keeper:
    """A far end that keeps what it is sent until its time."""

    def __init__(self, unplayed: int) -> None:
        self.unplayed = unplayed
        self.voided = 0
        self.ended_behind: list[int] = []
        """How many frames it had been sent when each reply ended."""
        self.frames = 0

    def void(self) -> int:
        self.voided += 1
        return self.unplayed

    def reply_ended(self) -> None:
        self.ended_behind.append(self.frames)

    def take(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        self.frames += voiced


async def test_with_a_lead_speech_leaves_early_and_never_earlier() -> None:
    began_s = asyncio.get_running_loop().time()
    left_ms: list[float] = []

    def sink(epoch: int, pcm: bytes, voiced: bool) -> None:
        if voiced:
            left_ms.append((asyncio.get_running_loop().time() - began_s) * 1_000)

    playout = Playout(8_000)
    playout.attach(sink, far_end=Keeper(0), lead_ms=60.0)
    await asyncio.sleep(0.510)
    began_s = asyncio.get_running_loop().time()
    playout.push(0, bytes(320 * 50))
    playout.end(0)
    await asyncio.sleep(2)
    assert len(left_ms) == 50
    early_ms = [number * 20.0 - at_ms for number, at_ms in enumerate(left_ms)]
    assert all(30.0 <= each <= 60.5 for each in early_ms[3:]), early_ms
    left_ms.clear()
    began_s = asyncio.get_running_loop().time()
    playout.push(0, bytes(320 * 50))  # the lead is not kept over a pause, and is there again
    await asyncio.sleep(2)
    early_ms = [number * 20.0 - at_ms for number, at_ms in enumerate(left_ms)]
    assert all(30.0 <= each <= 60.5 for each in early_ms[3:]), early_ms
    playout.detach()


async def test_a_flush_voids_what_the_far_end_keeps_and_counts_it_as_not_sent() -> None:
    far = Keeper(480)
    playout = Playout(8_000)
    playout.attach(lambda epoch, pcm, voiced: None, far_end=far, lead_ms=60.0)
    playout.push(0, bytes(320 * 50))
    await asyncio.sleep(0.5)
    sent = playout.sent_samples
    assert playout.flush() == sent - 480
    assert far.voided == 1
    assert playout.flush() == 0  # nothing was being said: the far end may finish what it has
    assert far.voided == 1
    playout.detach()


async def test_the_far_end_is_told_of_the_end_of_each_reply_right_behind_its_last_frame() -> None:
    far = Keeper(0)
    playout = Playout(RATE_HZ)
    playout.attach(far.take, far_end=far, lead_ms=20.0, noise=False)
    for frames in (7, 3):
        playout.push(0, tone_of(1, frames * FRAME))
        playout.end(0)
    await asyncio.sleep(1)
    assert far.ended_behind == [7, 10]
    playout.push(0, tone_of(1, 2 * FRAME))
    await asyncio.sleep(1)
    assert far.ended_behind == [7, 10]
    playout.end(0)  # known only after its last sample had been sent
    await asyncio.sleep(0.1)
    assert far.ended_behind == [7, 10, 12]
    playout.push(0, tone_of(1, 50 * FRAME))
    playout.end(0)
    await asyncio.sleep(0.1)
    playout.flush()
    await asyncio.sleep(1)
    assert far.ended_behind == [7, 10, 12], "what is void has no end"
    playout.detach()


async def test_who_wants_no_noise_is_not_woken_for_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    playout = Playout(RATE_HZ)
    wire = Wire(playout)
    playout.attach(wire, noise=False)
    await asyncio.sleep(0.1)
    timers: list[float] = []
    call_at = loop.call_at

    def counted(when: float, *given: Any, **context: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *given, **context)

    monkeypatch.setattr(loop, "call_at", counted)
    await asyncio.sleep(10.005)
    assert len(timers) == 1  # our own
    assert not wire.frames
    playout.push(0, tone_of(5, 3 * FRAME))
    playout.end(0)
    await asyncio.sleep(10)
    assert np.allclose(np.diff([at for at, _, _ in wire.voiced()[1:]]), 20.0)
    assert [round(at) % 20 for at, _, _ in wire.voiced()[1:]] == [0, 0]  # the grid stays
    assert wire.drained == [0]
    assert playout.skipped_frames == 0
    assert len(wire.frames) == 3
    playout.detach()


@given(
    steps=st.lists(st.sampled_from(["push", "end", "flush", "wait", "wait"]), max_size=40),
    waits_ms=st.lists(st.integers(1, 90), min_size=40, max_size=40),
)
@settings(max_examples=200, deadline=None)
def test_whatever_wakes_it_every_frame_of_a_reply_leaves_once_and_not_too_early(
    steps: list[str], waits_ms: list[int]
) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        playout = Playout(RATE_HZ)
        wire = Wire(playout)
        playout.attach(wire, far_end=Keeper(0), lead_ms=60.0, noise=False)
        pushed = {0: 0}
        began_ms: dict[int, float] = {}
        for step, wait_ms in zip(steps, waits_ms, strict=False):
            match step:
                case "push":
                    playout.push(playout.epoch, tone_of(1, 4 * FRAME))
                    began_ms.setdefault(playout.epoch, loop.time() * 1000.0)
                    pushed[playout.epoch] = pushed.get(playout.epoch, 0) + 4
                case "end":
                    playout.end(playout.epoch)
                case "flush":
                    pushed.pop(playout.epoch, None)
                    playout.flush()
                case _:
                    await asyncio.sleep(wait_ms / 1000.0)
        await asyncio.sleep(5)
        playout.detach()
        for epoch, frames in pushed.items():
            left_ms = [at for at, sent, _ in wire.voiced() if sent == epoch]
            assert len(left_ms) == frames
            # 60 ms of lead, a slot that may begin at once, and as many as time brings
            for number, at_ms in enumerate(left_ms):
                assert at_ms >= began_ms[epoch] + (number - 4) * 20.0 - 1.0

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scenario())


async def test_calls_that_began_apart_send_at_instants_they_share() -> None:
    playouts, wires = [], []
    for _ in range(16):
        playout, wire = line()
        playouts.append(playout)
        wires.append(wire)
        await asyncio.sleep(0.0037)
    await asyncio.sleep(1.0)
    for playout in playouts:
        playout.detach()
    instants = {round(at % 20.0, 3) % 20.0 for wire in wires for at, *_ in wire.frames[1:]}
    assert len(instants) <= 4
    for wire in wires:
        assert np.allclose(np.diff([at for at, *_ in wire.frames]), 20.0)
