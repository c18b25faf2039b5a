"""The words of a media stream, both directions: text in, facts out; what is not one of them is junk.

The shape is that of Twilio Media Streams (connected, start, media, dtmf, mark, stop; back media, mark, clear), with
words of our own processes beside them: hold, quality, transfer and its outcome. Each has its reader, so that a carrier cannot
say what only we may. Linear samples spare the gateway a second companding. Unknown keys are let pass, as Twilio adds
some now and then; unknown words, wrong types and anything over a limit are not. Knows no socket and no call.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from enum import Enum
from typing import Any, Literal

from pipeline.media.keypad import KEYS
from pipeline.media.quality import LineQuality

MESSAGE_BYTES_MAX = 16 * 1024
"""20 ms of 16 kHz samples are 900 bytes; a bridge that gathers 100 ms stays far below."""
AUDIO_BYTES_MAX = 8 * 1024
PARAMETERS_MAX = 16
TEXT_CHARACTERS_MAX = 512
FIGURE_MAX = 1e6
"""Of a line's quality: what is more is no measurement."""
_NAME = re.compile(r"[A-Za-z0-9_.:/+-]{1,80}\Z")
_ENDS_REPLY = "end"

Encoding = Literal["audio/x-mulaw", "audio/x-l16"]
FORMATS: frozenset[tuple[str, int, int]] = frozenset(
    {("audio/x-mulaw", 8_000, 1), ("audio/x-l16", 8_000, 1), ("audio/x-l16", 16_000, 1)}
)
"""Encoding, rate and channels that are spoken here. Linear samples are 16 bits, little-endian."""


class Bringer(Enum):
    """Which of our processes brings a call to a worker: known from the token it shows, never from what it says."""

    GATEWAY = "gateway"
    """The call of a SIP trunk; its sound is paced on this machine."""
    CARRIER = "carrier"
    """The stream of a carrier, which the supervisor has read first and says in its own words."""


# --- from the far end of the call ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket stands; what follows is a media stream."""


@dataclass(frozen=True, slots=True)
class Start:
    """The call is here."""

    stream: str
    account: str
    call: str = field(repr=False)
    encoding: Encoding
    sample_rate_hz: int
    parameters: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound, either way."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A keypad key."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """Asked for by us, and given back once everything before it was played or thrown away.

    Whether it stands behind the last sample of a reply is in its name, as `mark_name` makes it: a carrier, to whom a name
    means nothing, gives it back as it was, and whoever paces the sound knows that nothing behind it is late.
    """

    name: str

    @property
    def ends_reply(self) -> bool:
        """What follows is another reply, or silence."""
        return self.name.startswith(_ENDS_REPLY)


@dataclass(frozen=True, slots=True)
class Stop:
    """The call is over."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The far end put the call on hold, or took it back. Ours."""

    held: bool


@dataclass(frozen=True, slots=True)
class Transferred:
    """What became of leading the caller to this target. Ours."""

    outcome: str
    target: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How the caller's network fares. Ours."""

    line: LineQuality


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Well formed, and of no use here: sound of our own voice, of another stream."""


CarrierSays = Connected | Start | Audio | Key | Mark | Stop | Elsewhere
WeSay = CarrierSays | Hold | Transferred | Quality
OUTCOMES = frozenset({"connected", "left", "busy", "no_answer", "refused", "unauthorized"})


# --- to the far end --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away what waits to be played, now."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Lead the caller to the configured target of this name. Ours."""

    target: str


ToCall = Audio | Mark | Clear | Transfer


# --- reading ---------------------------------------------------------------------------------------


def read_carrier(text: str | bytes, stream: str) -> CarrierSays | None:
    """One message of a carrier or a bridge; None when it is none. `stream` is the started stream's id, or ""."""
    message = _object(text)
    return None if message is None else _carriers(message, stream)


def read_ours(text: str | bytes, stream: str) -> WeSay | None:
    """One message of a process of ours that brings a call: a carrier's words, and those that only we may say."""
    sound = _as_written_here(text, stream)
    if sound is not None:
        return sound
    message = _object(text)
    match message:
        case None:
            return None
        case {"event": "hold" | "transferred" | "quality"} if not _of_this_stream(message, stream):
            return Elsewhere()
        case {"event": "hold", "hold": {"held": bool(held)}}:
            return Hold(held)
        case {"event": "transferred", "transfer": {"outcome": str(outcome), "target": str(target)}}:
            return Transferred(outcome, target) if _is_transferred(outcome, target) else None
        case {"event": "quality", "quality": dict(figures)}:
            return _quality(figures)
        case _:
            return _carriers(message, stream)


def _as_written_here(text: str | bytes, stream: str) -> Audio | None:
    """Sound as `media` writes it; None: read it as any message. Base64 holds no quote, so nothing hides in between."""
    before = _before_sound(stream)
    if isinstance(text, bytes) or not (text.startswith(before) and text.endswith(_BEHIND_SOUND)):
        return None
    pcm = _bytes(text[len(before) : -len(_BEHIND_SOUND)])
    return None if pcm is None else Audio(pcm)


def _carriers(message: dict[str, Any], stream: str) -> CarrierSays | None:
    if not _of_this_stream(message, stream):
        return Elsewhere()
    match message:
        case {"event": "media", "media": {"payload": str(payload), **about}}:
            return _audio(payload, about)
        case {"event": "dtmf", "dtmf": {"digit": str(key)}} if len(key) == 1 and key in KEYS:
            return Key(key)
        case {"event": "mark", "mark": {"name": str(name)}} if _NAME.match(name):
            return Mark(name)
        case {"event": "connected"}:
            return Connected()
        case {"event": "start", "start": dict(start)}:
            return _start(message, start)
        case {"event": "stop"}:
            return Stop()
        case _:
            return None


def _is_transferred(outcome: str, target: str) -> bool:
    return outcome in OUTCOMES and bool(_NAME.match(target))


def read_to_call(text: str | bytes, stream: str = "") -> ToCall | None:
    """One message to the far end, as the gateway hears it; None when it is not one of these.

    Sound of this `stream` is told without taking the message apart.
    """
    sound = _as_written_here(text, stream)
    if sound is not None:
        return sound
    message = _object(text)
    match message:
        case {"event": "media", "media": {"payload": str(payload)}}:
            pcm = _bytes(payload)
            return None if pcm is None else Audio(pcm)
        case {"event": "mark", "mark": {"name": str(name)}} if _NAME.match(name):
            return Mark(name)
        case {"event": "clear"}:
            return Clear()
        case {"event": "transfer", "transfer": {"target": str(target)}} if _NAME.match(target):
            return Transfer(target)
        case _:
            return None


def _quality(figures: dict[str, Any]) -> Quality | None:
    match figures:
        case {
            "loss_percent": int() | float() as loss_percent,
            "jitter_ms": int() | float() as jitter_ms,
            "late_ms": int() | float() as late_ms,
            "round_trip_ms": int() | float() | None as round_trip_ms,
        }:
            found = LineQuality(loss_percent, jitter_ms, late_ms, round_trip_ms)
            good = all(0 <= number <= FIGURE_MAX for number in astuple(found) if number is not None)
            return Quality(found) if good else None
        case _:
            return None


def _object(text: str | bytes) -> dict[str, Any] | None:
    if isinstance(text, bytes) or len(text) > MESSAGE_BYTES_MAX:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _of_this_stream(message: dict[str, Any], stream: str) -> bool:
    named = message.get("streamSid", stream)
    return not stream or named == stream


def _audio(payload: str, about: Mapping[Any, Any]) -> Audio | Elsewhere | None:
    if about.get("track", "inbound") != "inbound":
        return Elsewhere()
    pcm = _bytes(payload)
    return None if pcm is None else Audio(pcm)


def _bytes(payload: str) -> bytes | None:
    if not payload or len(payload) > AUDIO_BYTES_MAX * 4 // 3 + 4:
        return None
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError:
        return None


def _start(message: dict[str, Any], start: dict[str, Any]) -> Start | None:
    stream = start.get("streamSid", message.get("streamSid"))
    parameters = start.get("customParameters", {})
    media = start.get("mediaFormat")
    if not (isinstance(stream, str) and _NAME.match(stream) and isinstance(media, dict)):
        return None
    texts = [start.get("accountSid", ""), start.get("callSid", "")]
    if not all(isinstance(each, str) and len(each) <= 80 for each in texts):
        return None
    found = media.get("encoding"), media.get("sampleRate"), media.get("channels", 1)
    if not _is_format(found) or not _are_parameters(parameters):
        return None
    return Start(stream, texts[0], texts[1], found[0], found[1], parameters)  # type: ignore[arg-type]  # `_is_format`


def _is_format(found: tuple[object, ...]) -> bool:
    encoding, rate_hz, channels = found
    if not isinstance(encoding, str) or type(rate_hz) is not int or type(channels) is not int:
        return False
    return (encoding, rate_hz, channels) in FORMATS


def _are_parameters(given: object) -> bool:
    if not isinstance(given, dict) or len(given) > PARAMETERS_MAX:
        return False
    return all(
        isinstance(value, str) and len(key) <= 80 and len(value) <= TEXT_CHARACTERS_MAX
        for key, value in given.items()
    )


# --- writing ---------------------------------------------------------------------------------------


def connected() -> str:
    """The first words of the far end."""
    return _text({"event": "connected", "protocol": "Call", "version": "1.0.0"})


def start(
    stream: str,
    sample_rate_hz: int,
    parameters: dict[str, str],
    encoding: Encoding = "audio/x-l16",
) -> str:
    """The second words of whoever brings a call."""
    media = {"encoding": encoding, "sampleRate": sample_rate_hz, "channels": 1}
    begun = {
        "streamSid": stream,
        "accountSid": "",
        "callSid": stream,
        "tracks": ["inbound"],
        "mediaFormat": media,
        "customParameters": parameters,
    }
    return _text({"event": "start", "sequenceNumber": "1", "streamSid": stream, "start": begun})


def media(stream: str, payload: bytes) -> str:
    """Sound; written by hand, since this is the one message that goes fifty times a second."""
    return f"{_before_sound(stream)}{binascii.b2a_base64(payload, newline=False).decode()}{_BEHIND_SOUND}"


def _before_sound(stream: str) -> str:
    return f'{{"event":"media","streamSid":"{stream}","media":{{"payload":"'


_BEHIND_SOUND = '"}}'


def key(stream: str, pressed: str) -> str:
    """A key that was pressed."""
    return _event(stream, "dtmf", {"track": "inbound_track", "digit": pressed})


def mark(stream: str, name: str) -> str:
    """A mark, asked for or given back."""
    return _event(stream, "mark", {"name": name})


def mark_name(number: int, *, ends_reply: bool) -> str:
    """What the mark of this number is called."""
    return f"{_ENDS_REPLY if ends_reply else 'm'}{number}"


def clear(stream: str) -> str:
    """Throw away what waits."""
    return _text({"event": "clear", "streamSid": stream})


def hold(stream: str, held: bool) -> str:
    """On hold, or not any more."""
    return _event(stream, "hold", {"held": held})


def transfer(stream: str, target: str) -> str:
    """Lead the caller there."""
    return _text({"event": "transfer", "streamSid": stream, "transfer": {"target": target}})


def transferred(stream: str, outcome: str, target: str) -> str:
    """What became of leading the caller to this target."""
    about = {"outcome": outcome, "target": target}
    return _text({"event": "transferred", "streamSid": stream, "transfer": about})


def quality(stream: str, line: LineQuality) -> str:
    """How the caller's network fares, for our own worker."""
    return _event(stream, "quality", asdict(line))


def stop(stream: str) -> str:
    """The call is over."""
    return _event(stream, "stop", {"accountSid": "", "callSid": stream})


def _event(stream: str, name: str, about: dict[str, Any]) -> str:
    return _text({"event": name, "streamSid": stream, name: about})


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
