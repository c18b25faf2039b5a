"""Sentences of the practice that must be audible when nobody is there to say them: as words, and as sound.

For a caller whose call no worker can take, or whose worker has just died. Refuses to know who plays them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.ports import Language, TextToSpeech
from pipeline.call.flow import Flow
from pipeline.media.kept_lines import KeptLines
from pipeline.media.resample import Resampler
from pipeline.settings import Settings

TELEPHONE_HZ: Final = 8_000
BUSY, APOLOGY, PAUSED = "busy", "apology", "paused"


def fixed_lines(flow: Flow) -> Mapping[str, str]:
    """Each by its name: every line is taken; the call broke; calls are paused."""
    lines = flow.lines
    texts = {BUSY: lines.busy, APOLOGY: lines.apology, PAUSED: lines.paused}
    return {name: flow.say(text) for name, text in texts.items()}


def kept_lines(settings: Settings, flow: Flow) -> KeptLines:
    """Them as sound in the configured voice: a worker makes them, the gateway plays them."""
    engines = settings.engines
    voice = f"{engines.timed or engines.tts} {engines.piper_voice} {engines.pronunciations}"
    return KeptLines(Path(settings.state.directory), fixed_lines(flow), voice)


async def rendered(
    voice: TextToSpeech, text: str, sample_rate_hz: int = TELEPHONE_HZ, language: Language = "en"
) -> bytes:
    """The text in this voice as 16-bit PCM at this rate, whole. Raises `EngineError`."""
    resampler = Resampler(voice.sample_rate_hz, sample_rate_hz)
    sound = bytearray()
    async for chunk in voice.synthesize(text, language):
        sound += resampler.feed(chunk.pcm)
    return bytes(sound + resampler.finish())
