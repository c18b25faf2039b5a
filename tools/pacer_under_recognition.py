"""The pacer's error while calls recognise without a pause, against the same run with an instant recogniser.

Every call has a `Playout` that speaks all the time and an ear that is fed recorded speech in real time,
asked for a hypothesis every 200 ms and settled after each recording. The process asks for a short slice, as
a worker does. Exit status 1 when the p99 error with real recognition is more than twice the other.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
from loguru import logger

from bench.audio import RATE_HZ, read_sound
from bench.figures import percentile
from models.clinic_language import clinic_language
from models.pocketsphinx import PocketSphinx, PocketSphinxSettings
from models.ports import Recognizer
from models.timed.hearing import TimedHearing
from models.timed.times import Times
from pipeline.media.playout import Playout
from pipeline.supervisor.time_slice import run_promptly, slice_ns

FRAME_MS, FRAME_BYTES = 20, 640
LISTEN_HZ = 16_000
RECORDINGS = Path(__file__).resolve().parents[1] / "bench" / "recordings" / "booking"
LINE_HZ = 48_000
HYPOTHESIS_EVERY_FRAMES = 10
SPEECH_CHUNK = b"\x10\x02" * (LINE_HZ // 5)
MOST_RATIO = 2.0
Open = Callable[[], Awaitable[Recognizer]]


def every_recording() -> list[bytes]:
    """The shipped ones in the order of their names, as whole frames of what calls listen to; blocks."""
    found = []
    for path in sorted(RECORDINGS.glob("*.flac")):
        heard = soxr.resample(read_sound(path), RATE_HZ, LISTEN_HZ)
        pcm = np.asarray(heard, "<i2").tobytes()
        found.append(pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES])
    return found


class Line:
    """One call's output, always speaking: the times at which its frames left."""

    def __init__(self) -> None:
        self.playout = Playout(LINE_HZ)
        self.sent_s: list[float] = []

    def on_frame(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        """Note one frame."""
        if voiced:
            self.sent_s.append(asyncio.get_running_loop().time())

    async def speak(self) -> None:
        """Keep the playout full."""
        while True:
            await self.playout.wait_for_room()
            self.playout.push(0, SPEECH_CHUNK)
            await asyncio.sleep(0)

    def errors_ms(self) -> list[float]:
        """Return |interval - 20 ms|; the first interval of a reply is not paced."""
        later = self.sent_s[1:]
        return [abs((after - before) * 1_000.0 - FRAME_MS) for before, after in pairwise(later)]


class Listening:
    """One call's ear at work, and what came of it."""

    def __init__(self, ear: Recognizer, recordings: Sequence[bytes], first: int) -> None:
        self._ear = ear
        self._recordings = recordings
        self._next = first
        self.settled = 0
        self.words = 0

    async def listen(self) -> None:
        """Recognise recording after recording in real time."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            pcm = self._recordings[self._next % len(self._recordings)]
            self._next += 1
            self._ear.begin()
            for index in range(len(pcm) // FRAME_BYTES):
                self._ear.feed(pcm[index * FRAME_BYTES : (index + 1) * FRAME_BYTES])
                if index % HYPOTHESIS_EVERY_FRAMES == HYPOTHESIS_EVERY_FRAMES - 1:
                    await self._ear.hypothesis()
                due_s = max(due_s + FRAME_MS / 1_000.0, loop.time() - 1.0)
                await asyncio.sleep(max(0.0, due_s - loop.time()))
            self.words += len((await self._ear.settle()).text.text.split())
            self.settled += 1


async def run(open_ear: Open, calls: int, seconds: float, recordings: Sequence[bytes]) -> Run:
    """Pace and recognise for so long."""
    ears = [await open_ear() for _ in range(calls)]
    listening = [Listening(ear, recordings, 5 * index) for index, ear in enumerate(ears)]
    lines = [Line() for _ in ears]
    gc.collect()
    try:
        async with asyncio.TaskGroup() as tasks:
            busy = [tasks.create_task(line.speak()) for line in lines]
            busy += [tasks.create_task(one.listen()) for one in listening]
            await asyncio.sleep(1.0)
            for index, line in enumerate(lines):
                line.playout.attach(line.on_frame)
                await asyncio.sleep(FRAME_MS / 1_000.0 * (index + 0.5) / calls)
            await asyncio.sleep(seconds)
            for line in lines:
                line.playout.detach()
            for task in busy:
                task.cancel()
    finally:
        for ear in ears:
            await ear.close()
    errors = [error for line in lines for error in line.errors_ms()]
    return Run(errors, sum(one.settled for one in listening), sum(one.words for one in listening))


class Run:
    """What one run showed."""

    def __init__(self, errors_ms: list[float], settled: int, words: int) -> None:
        self.p50_ms = percentile(errors_ms, 50)
        self.p99_ms = percentile(errors_ms, 99)
        self.settled = settled
        self.words = words
        self.load = os.getloadavg()[0]


async def compare(
    calls: int, seconds: float, rounds: int, settings: PocketSphinxSettings
) -> tuple[list[Run], list[Run]]:
    """Take turns, so that a busy minute of the machine falls on both."""
    recordings = await asyncio.to_thread(every_recording)
    engine = PocketSphinx(settings)
    await engine.start()
    instant: list[Run] = []
    real: list[Run] = []

    hearing = TimedHearing(Times(), slots=calls)

    try:
        for _ in range(rounds):
            instant.append(await run(hearing.open, calls, seconds, recordings))
            real.append(await run(engine.open, calls, seconds, recordings))
            for name, one in (("instant", instant[-1]), ("pocketsphinx", real[-1])):
                print(f"{name:13s} p50 {one.p50_ms:6.3f} ms   p99 {one.p99_ms:6.3f} ms   "
                      f"utterances {one.settled:3d}   words {one.words:4d}   load {one.load:.1f}")  # fmt: skip
    finally:
        await engine.stop()
    return instant, real


def main() -> int:
    """Print every run, the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--nice",
        type=int,
        help="of the recognisers instead of the server's own",
    )
    parser.add_argument(
        "--usual-slice", action="store_true", help="do not ask the kernel for a short one"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    if min(arguments.calls, arguments.rounds) < 1 or arguments.seconds < 1.0:
        parser.error("--calls, --rounds and --seconds need at least 1")
    logger.remove()
    if not arguments.usual_slice and not run_promptly():
        print("this kernel knows nothing of slices (Linux 6.12 does)")
    print(f"slice {slice_ns() / 1e6:.1f} ms")
    with tempfile.TemporaryDirectory() as cache:
        settings = PocketSphinxSettings(
            clinic_language(["check-up", "follow-up visit", "blood test"], ["chest pain"]),
            Path(cache),
            slots=arguments.calls,
        )
        if arguments.nice is not None:
            settings = replace(settings, nice_level=arguments.nice)
        instant, real = asyncio.run(
            compare(arguments.calls, arguments.seconds, arguments.rounds, settings)
        )
    if not all(one.words for one in real):
        print("a run recognised no words: nothing was measured")
        return 1
    found = {
        f"{name}_{figure}": statistics.median(getattr(one, figure) for one in runs)
        for name, runs in (("instant", instant), ("pocketsphinx", real))
        for figure in ("p50_ms", "p99_ms")
    }
    ratio = found["pocketsphinx_p99_ms"] / found["instant_p99_ms"]
    print(f"medians: instant p99 {found['instant_p99_ms']:.3f} ms, pocketsphinx p99 "
          f"{found['pocketsphinx_p99_ms']:.3f} ms, ratio {ratio:.2f} (at most {MOST_RATIO:.0f})")  # fmt: skip
    if arguments.json is not None:
        runs = {
            "instant": [vars(one) for one in instant],
            "pocketsphinx": [vars(one) for one in real],
        }
        arguments.json.write_text(json.dumps(found | {"ratio": ratio, "runs": runs}, indent=1))
    return 0 if ratio <= MOST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
