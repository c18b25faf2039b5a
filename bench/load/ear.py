"""The third clock: a real page in a real browser calls, and says itself when each answer sounded (docs/protocol.md, `heard`).

Chromium without a window plays the scenario's part as its microphone. What its page reports is taken on its way out; the
server's own event of the same answer says when the caller's last sample had come and when the first packet left. The
microphone's way to the server is in no figure, and no loudspeaker stands behind the browser's sound device.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.audio import RATE_HZ
from bench.browser import CALLING, NO_NAMES, program
from bench.errors import BenchError
from bench.load import server_marks
from bench.load.house import House
from bench.load.part import Part, write
from bench.load.row import Measure, Row
from bench.load.scenario import Scenario
from bench.load.server_marks import Told
from pipeline.clock import wall_now

LEAD_MS = 1_500.0
"""The page opens its microphone before the call is connected."""
CONNECT_LIMIT_MS = 30_000.0
SOUNDED_WITHIN_MS = 1_500.0
"""From an answer's first packet: what sounds later is of another."""
ERROR_MS: Final = 11.0
"""A millisecond's digits in the server's event, and one period of the browser's sound device."""
TAKEN: Final = """(() => {
  const reports = [], send = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (text) {
    try {
      const message = JSON.parse(text);
      if (message.type === "heard") reports.push([message.epoch, performance.timeOrigin + message.t]);
    } catch {}
    return send.call(this, text);
  };
  globalThis.earReports = () => reports;
})()"""
"""Before the page's own scripts: keeps what the page reports, on the wall's clock, and sends it on as it is."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer as the page told it."""

    after_speech_ms: float
    """From the caller's last sample at the server to the sound."""
    after_out_ms: float
    """From the answer's first packet to the sound: the way, the browser's buffer, its decoder and its device."""


def rows(heard: Sequence[Heard]) -> list[Row]:
    """The ear's lines; without a report they say that nothing was measured."""
    return [
        Row("ear", "", "caller's last sample at the server to the answer's sound, by the page's own report", "ms",
            Measure("ours", tuple(each.after_speech_ms for each in heard))),
        Row("ear.after_out", "", "first packet out to that sound: way, the browser's buffer, decoder and sound device", "ms",
            Measure("ours", tuple(each.after_out_ms for each in heard))),
    ]  # fmt: skip


def matched(reports_ms: Sequence[float], server: Sequence[Told]) -> list[Heard]:
    """Each answer with the first report after its packet left, both on the wall's clock; each report is of one answer."""
    found, waiting = list[Heard](), sorted(reports_ms)
    for told in sorted(server, key=lambda each: each.left_ms):
        while waiting and waiting[0] < told.left_ms:
            waiting.pop(0)  # of the greeting, or of an answer whose event is missing
        if not waiting or waiting[0] - told.left_ms > SOUNDED_WITHIN_MS:
            continue
        sounded_ms = waiting.pop(0)
        found.append(Heard(sounded_ms - told.speech_end_ms, sounded_ms - told.left_ms))
    return found


async def listen(at: House, scenario: Scenario, progress: Callable[[str], None]) -> list[Heard]:
    """One call of a page into a server of ours that nobody else calls just now; raises BenchError."""
    if at.events is None:
        raise BenchError("the page's reports need the server's event file: let the bench start it")
    part = write(scenario, 0, RATE_HZ)
    progress(f"a page in a browser calls, for {(LEAD_MS + part.duration_ms) / 1000:.0f} s")
    began_ms = wall_now().timestamp() * 1000.0
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as folder:
        microphone = Path(folder) / "microphone.wav"
        await asyncio.to_thread(_record, part, microphone)
        reports = await _call(at.url, microphone, LEAD_MS + part.duration_ms)
    lines = (await asyncio.to_thread(at.events.read_bytes)).splitlines()
    server = [each for each in server_marks.told(lines, 0.0) if each.left_ms >= began_ms]
    return matched([at_ms for _, at_ms in reports], server)


async def _call(url: str, microphone: Path, lasts_ms: float) -> list[tuple[int, float]]:
    path = program("the page's own report")
    from playwright.async_api import Error, async_playwright

    file = f"--use-file-for-fake-audio-capture={microphone}%noloop"
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=path, args=[*CALLING, NO_NAMES, file]
            )
            try:
                context = await browser.new_context()
                context.set_default_timeout(CONNECT_LIMIT_MS)
                await context.grant_permissions(["microphone"], origin=url)
                await context.add_init_script(TAKEN)
                page = await context.new_page()
                await page.goto(f"{url}/")
                await page.click("#call-button")
                await page.click("#consent-call")
                await page.wait_for_selector("body[data-stage=live]")
                await asyncio.sleep(lasts_ms / 1000)
                return _read(await page.evaluate("JSON.stringify(earReports())"))
            finally:
                await browser.close()
    except Error as error:
        first = error.message.splitlines()[0] if error.message else "it said nothing"
        raise BenchError(f"the page's call in the browser failed: {first[:200]}") from None


def _read(text: Any) -> list[tuple[int, float]]:
    return [(int(epoch), float(at_ms)) for epoch, at_ms in json.loads(text)]


def _record(part: Part, target: Path) -> None:
    """The part as a file that Chromium plays, in silence at first."""
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(part.rate_hz)
        file.writeframes(bytes(2 * int(LEAD_MS * part.rate_hz / 1000)))
        file.writeframes(part.samples.astype("<i2").tobytes())
