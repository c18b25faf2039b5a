"""A caller at the real page who listens: reads the captions, waits for the question, answers it.

Chromium's own fake microphone plays a file from its start, deaf to the conversation; one word misheard
brings a question more, and every later line answers the wrong one. Here the page's `getUserMedia` gives
a stream that recordings are played on when their time has come. The script is that of `wardline call`.
"""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from pathlib import Path

from playwright.async_api import Browser

from bench.audio import RATE_HZ, Samples
from bench.recordings import RecordedVoice
from bench.script import SILENCE, Part, shipped
from bench.voices import choose
from tests.first_call.page import END_LIMIT_MS, Booked, Softphone, over, softphone

MICROPHONE = Path(__file__).with_suffix(".js").read_text()
"""To be run before the page's own scripts."""
TURNS_MAX = 40
LISTENING_S = 0.6
"""The page has shown "listening" for so long, and the assistant is silent: longer than a gap in a reply."""
REPLY_LIMIT_S = 60.0

_AGENT_LINES = "[...document.querySelectorAll('#captions-log .line-agent .line-words')].map((line) => line.textContent)"
_SHOWN = (
    "Object.fromEntries([...document.querySelectorAll('#request-fields [data-field]')]"
    ".map((row) => [row.dataset.field, row.querySelector('dd').textContent]))"
)
_STATE = "({ stage: document.body.dataset.stage, phase: document.body.dataset.phase, lines: document.querySelectorAll('#captions-log .line-agent').length })"


async def booked(browser: Browser, url: str) -> Booked:
    """Book once with a page of its own."""
    async with softphone(browser, url, MICROPHONE) as phone:
        await phone.call()
        await converse(phone, "booking")
        return await over(phone, END_LIMIT_MS)


async def converse(phone: Softphone, name: str) -> None:
    """Play the script's part on a call that is connected, until it is over."""
    script = shipped(name)
    part, voice = Part(script), RecordedVoice(script.name, choose(None))
    heard, told = 0, list[str]()
    for _ in range(TURNS_MAX):
        lines = await _agent_is_done(phone, heard)
        if lines is None:
            return
        heard = len(lines)
        line = part.next_line(" ".join(lines[-2:]), await phone.page.evaluate(_SHOWN))
        told += [*lines[-2:], f"({line})"]
        if line != SILENCE:
            sound = base64.b64encode(_wav(await voice.speak(line))).decode()
            await phone.page.evaluate("(wav) => window.wardlineSay(wav)", sound)
    raise AssertionError(f"no end after {TURNS_MAX} turns: {told}")


async def _agent_is_done(phone: Softphone, heard: int) -> list[str] | None:
    """All the assistant said, once it has said more and listens; None when the call is over."""
    loop = asyncio.get_running_loop()
    quiet_since: float | None = None
    async with asyncio.timeout(REPLY_LIMIT_S):
        while True:
            state = await phone.page.evaluate(_STATE)
            if state["stage"] not in ("live", "reconnecting"):
                return None
            listens = state["phase"] == "listening" and state["lines"] > heard
            quiet_since = (quiet_since or loop.time()) if listens else None
            if quiet_since is not None and loop.time() - quiet_since >= LISTENING_S:
                lines: list[str] = await phone.page.evaluate(_AGENT_LINES)
                return lines
            await asyncio.sleep(0.05)


def _wav(samples: Samples) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    return held.getvalue()
