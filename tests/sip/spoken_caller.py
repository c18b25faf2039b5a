"""Somebody who books by telephone: listens until the other side is silent, then says the next line of a script.

A telephone shows nothing, so which line comes next is read from the live view that staff have: names of fields, no
values. What was misunderstood is corrected, as it is revealed to staff.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from bench.script import CONFIRM, Script, shipped
from tests.sip.house import House
from tests.sip.softphone import RATE_HZ, Softphone, loud

SILENCE_S = 0.9
LEVEL = 0.5
"""A telephone's microphone is not at full scale."""


class SpokenCaller:
    """One call of one script."""

    def __init__(
        self,
        phone: Softphone,
        house: House,
        *,
        keys: str = "",
        keyed_at_once: bool = False,
        misheard: Mapping[str, str] | None = None,
    ) -> None:
        """`keys` is the number, for when it was said in vain or `keyed_at_once`.

        `misheard`: what arrives in place of the first answer to a question; whoever speaks does not know it.
        """
        self._phone = phone
        self._house = house
        self._keys = keys
        self._keyed_at_once = keyed_at_once
        self._misheard = dict(misheard or {})
        self.was_wrong: set[tuple[str, str]] = set()
        """Fields, and the wrong values that were understood before they were corrected."""
        self.script: Script = shipped("booking")
        self._times: dict[str, int] = {}
        self._since = 0
        self.said: list[str] = []
        self.call_id = ""

    def book(self, limit_s: float) -> None:
        """Talk until the request is complete, or time is up."""
        limit = time.monotonic() + limit_s
        while not self.complete and time.monotonic() < limit:
            self._listen(limit)
            if not self.complete:
                assert not self._over, self.said
                self._answer()

    @property
    def complete(self) -> bool:
        requests = self._house.of(self.call_id, "request")
        return bool(requests) and bool(requests[-1]["complete"])

    def shown(self) -> dict[str, str]:
        """What the server has understood, as staff may see it."""
        requests = self._house.of(self.call_id, "request")
        fields = requests[-1]["fields"] if requests else {}
        values = {name: self._house.reveal(self.call_id, name) for name in fields}
        if values.get("day"):
            values["day"] = date.fromisoformat(values["day"]).strftime("%A")
        return values

    @property
    def _over(self) -> bool:
        return bool(self._phone.happened("CALL_CLOSED"))

    def _listen(self, limit: float) -> None:
        """Return when the other side has spoken and is silent again, or there is nothing more to hear."""
        while time.monotonic() < limit and not self.complete and not self._over:
            said = loud(self._phone.heard()[self._since :])
            spoken_in = np.flatnonzero(said)
            if len(spoken_in) >= 3 and len(said) - spoken_in[-1] > SILENCE_S * 10:
                return
            time.sleep(0.1)

    def _answer(self) -> None:
        shown = self.shown()
        wrong, missing = self.script.wrong(shown), self.script.missing(shown)
        name = wrong[0] if wrong and not missing else missing[0] if missing else CONFIRM
        self.was_wrong |= {(each, shown[each]) for each in wrong}
        if name == "phone" and self._keys and (self._keyed_at_once or self._times.get(name)):
            self._say_nothing_and_key()  # said once and not understood
            return
        if wrong and not missing:
            self._say(self.script.questions[name].correct)
            return
        count = self._times.get(name, 0)
        self._times[name] = count + 1
        lines = self.script.questions[name].say
        self._say(self._misheard.pop(name, lines[min(count, len(lines) - 1)]))

    def _say_nothing_and_key(self) -> None:
        self.said.append("[keys]")
        self._since = len(self._phone.heard())
        for key in self._keys:
            self._phone.key(key)
            time.sleep(0.35)

    def _say(self, line: str) -> None:
        self.said.append(line)
        self._since = len(self._phone.heard())
        self._phone.say(spoken(line))


def spoken(line: str, voice: str = "rms") -> NDArray[np.int16]:
    """The line as a telephone carries it: 8 kHz, and not louder than people are."""
    program = shutil.which("flite")
    assert program, "flite is missing: apt-get install -y flite"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        subprocess.run([program, "-voice", voice, "-t", line, "-o", str(path)], check=True)
        with wave.open(str(path)) as file:
            rate_hz = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    narrow = soxr.resample(samples.astype(np.float64) * LEVEL, rate_hz, RATE_HZ)
    samples_out: NDArray[np.int16] = np.clip(np.rint(narrow), -32_768, 32_767).astype(np.int16)
    return samples_out


def until(true: Callable[[], bool], limit_s: float, what: str) -> None:
    limit = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < limit, f"not within {limit_s:g} s: {what}"
        time.sleep(0.1)
