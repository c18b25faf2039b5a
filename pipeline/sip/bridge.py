"""A caller and a person who talk through us: what each says is sent to the other, until one of them leaves.

Sound is decoded and encoded again, so that each end has its own codec, encryption and jitter buffer; with G.711 on
both sides nothing is lost by it. Knows no signalling and no worker: nothing is heard here, and nothing kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipeline.media.key_tone import key_tone
from pipeline.media.quality import LineQuality
from pipeline.media.resample import Doubler, Resampler
from pipeline.sip.ports import MediaLeg

MOST_WAITING_MS = 100.0
"""What comes while more than this waits to be sent is dropped: after a stall of the network, and when one end's clock
runs faster than the other's, the two would else talk later and later."""
WIDE_HZ = 16_000


class Relay:
    """What one end says, sent to the other (`ports.AudioTaker` of the first)."""

    def __init__(self, heard: MediaLeg, sent: MediaLeg, gone: Callable[[str], None]) -> None:
        """Both legs have been agreed upon; `gone` is told why nobody is there any more."""
        self._heard, self._sent = heard, sent
        self._gone = gone
        self._rate_hz = heard.sample_rate_hz
        self._frame_bytes = 2 * self._rate_hz // 50
        self._tones = bytearray()
        self._other_rate = _other_rate(heard.sample_rate_hz, sent.sample_rate_hz)

    def on_audio(self, pcm: bytes) -> None:
        """See `ports.AudioTaker`; the tone of a key takes the place of what is said meanwhile."""
        if self._tones:
            pcm = bytes(self._tones[: self._frame_bytes])
            del self._tones[: self._frame_bytes]
        if self._sent.waiting_ms < MOST_WAITING_MS:
            self._sent.play(self._other_rate(pcm))

    def on_key(self, key: str) -> None:
        """See `ports.AudioTaker`: the leg took its tone out of the sound, whichever way it came."""
        self._tones += key_tone(key, self._rate_hz)

    def on_hold(self, held: bool) -> None:
        """See `ports.AudioTaker`: who is held hears nothing, and afterwards nothing old."""
        del held
        self._heard.flush()

    def on_played(self, mark: str) -> None:
        """See `ports.AudioTaker`: nothing of ours waits."""

    def on_silence(self) -> None:
        """See `ports.AudioTaker`."""
        self._gone("silence")

    def on_quality(self, quality: LineQuality) -> None:
        """See `ports.AudioTaker`: nobody judges two people's line."""

    def on_fax(self) -> None:
        """See `ports.AudioTaker`."""
        self._gone("fax")

    def on_foreign(self) -> None:
        """See `ports.AudioTaker`: not heard, and counted."""


def _other_rate(from_hz: int, to_hz: int) -> Callable[[bytes], bytes]:
    if from_hz == to_hz:
        return lambda pcm: pcm
    return Doubler().feed if to_hz == WIDE_HZ else Resampler(from_hz, to_hz).feed


async def talk(
    caller: MediaLeg,
    person: MediaLeg,
    caller_over: asyncio.Task[str],
    person_over: asyncio.Task[str],
) -> str:
    """Let the two talk; returns why they stopped: "caller", "person", or what the sound tells."""
    gone: list[str] = []
    happened = asyncio.Event()

    def tell(why: str) -> None:
        gone.append(why)
        happened.set()

    caller.attach(Relay(caller, person, tell))
    person.attach(Relay(person, caller, tell))
    async with asyncio.TaskGroup() as group:
        news = group.create_task(happened.wait(), name="sound of a bridge")
        watched: set[asyncio.Task[str] | asyncio.Task[bool]] = {news, caller_over, person_over}
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
    if caller_over.done():
        return "caller"
    return "person" if person_over.done() else gone[0]
