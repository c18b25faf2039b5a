"""The recordings that the package brings along: a script's lines, spoken once and for all.

With them the same audio reaches the server on every machine, installed synthesiser or not.
`tools/make_recordings.py` makes them.
"""

from __future__ import annotations

import asyncio
import hashlib
from importlib.resources import as_file, files

from bench.audio import Samples, read_sound
from bench.voices import Voice


def file_name(line: str) -> str:
    """A recording's name: the first words for people, a digest of the whole line for certainty."""
    slug = "-".join("".join(c if c.isalnum() else " " for c in line.lower()).split())[:32]
    digest = hashlib.sha256(line.encode()).hexdigest()[:8]
    return f"{slug.strip('-')}-{digest}.flac"


class RecordedVoice:
    """Plays the shipped recording of a line; another voice speaks lines that have none."""

    def __init__(self, script: str, otherwise: Voice) -> None:
        """`script` names the folder."""
        self.warning = ""
        self._folder = files("bench") / "recordings" / script
        self._otherwise = otherwise

    async def speak(self, text: str) -> Samples:
        """Read the recording in a thread."""
        samples = await asyncio.to_thread(self._read, text)
        if samples is None:
            self.warning = self._otherwise.warning
            return await self._otherwise.speak(text)
        return samples

    def _read(self, text: str) -> Samples | None:
        recording = self._folder / file_name(text)
        if not recording.is_file():
            return None
        with as_file(recording) as path:
            return read_sound(path)
