"""How fast the page falls silent: the tap on the loudspeaker, on the clock of the same AudioContext."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from tests.transports.static.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.wire]

FLUSHES = 24
SILENT_RMS = 0.001
"""-60 dBFS; the tone is at -8."""

TAILS = """() => {
  const { blocks, arrived } = window.tapped;
  return arrived.filter(({ type }) => type === "flush").map(({ epoch, timeS, wallMs }) => {
    const speak = arrived.find((m) => m.type === "speak" && m.epoch === epoch + 1);
    const loud = blocks.filter(([t, rms]) => rms > 0.001 && t > timeS - 0.2 && t < (speak ? speak.timeS : Infinity));
    const last = loud.length ? loud[loud.length - 1][0] + 128 / window.tapped.context.sampleRate : timeS;
    return { epoch, loud: loud.length, tail_ms: (last - timeS) * 1000, wall_ms: wallMs };
  });
}"""


async def test_the_page_is_silent_within_20_ms_of_the_flush(stage: Stage) -> None:
    async with stage.seat(tap=True) as seat:
        call = await seat.call()
        await seat.page.wait_for_function("() => window.tapped.ready")
        decided_ms: dict[int, float] = {}
        for epoch in range(1, FLUSHES + 1):
            call.send(type="speak", epoch=epoch)
            await asyncio.sleep(0.25)
            decided_ms[epoch] = time.time() * 1000
            call.send(type="flush", epoch=epoch)
            await asyncio.sleep(0.12)
        call.send(type="speak", epoch=FLUSHES + 1)
        await asyncio.sleep(0.3)
        measured = await seat.page.evaluate(TAILS)
        assert len(measured) == FLUSHES
        assert all(row["loud"] > 0 for row in measured), "each flush cut a sounding reply"
        tails_ms = [row["tail_ms"] + row["wall_ms"] - decided_ms[row["epoch"]] for row in measured]
        assert statistics.median(tails_ms) <= 20, sorted(tails_ms)
        print(f"flush decision to silence: {sorted(round(tail, 1) for tail in tails_ms)} ms")
        heard = await call.until("heard", FLUSHES // 2)
        assert {row["epoch"] for row in heard} <= set(range(1, FLUSHES + 2))
        last_ms = await seat.page.evaluate("performance.now()")
        assert all(0 < row["t"] <= last_ms + 500 for row in heard)


async def test_the_fence_ignores_old_epochs_and_never_stays_shut(stage: Stage) -> None:
    async with stage.seat() as seat:
        answers = await seat.page.evaluate(
            """async () => {
              const { Fence, DRAIN_MS, FAILSAFE_MS } = await import("/static/fence.js");
              const fence = new Fence();
              return [
                fence.speak(1, 0), fence.flush(1, 1000), fence.flush(1, 1001), fence.speak(1, 1002),
                fence.overdue(1000 + FAILSAFE_MS - 1), fence.speak(2, 1050) === DRAIN_MS - 50,
                fence.flush(1, 1300), fence.speak(3, 1400), fence.flush(2, 1500), fence.flush(3, 1600),
                fence.overdue(1600 + FAILSAFE_MS), fence.overdue(9999999), fence.speak("x", 1), fence.flush(null, 1),
              ];
            }"""
        )
    assert answers == [
        0, True, False, None, False, True, False, 0, False, True, True, False, None, False,
    ]  # fmt: skip
