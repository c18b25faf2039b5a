"""Voices for a caller: text to 48 kHz speech with whatever synthesiser this machine has.

flite sounds most like a person to a recogniser, so it comes first; espeak-ng is the net below it. Knows
no call.
"""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import espeakng_loader
import numpy as np

from bench.audio import Samples, read_sound, to_48k, trim
from bench.errors import VoiceUnavailable

FLITE_VOICES = ("slt", "rms", "awb", "kal16", "kal")
"""Those in Debian's flite; slt (a woman) and rms (a man) are understood best."""
DEFAULT_VOICE = "slt"
SPEAK_LIMIT_S = 30.0
MAX_TEXT = 2_000


class Voice(Protocol):
    """Somebody who can say a line."""

    @property
    def warning(self) -> str:
        """What a reader of the figures should know; "" when nothing."""

    async def speak(self, text: str) -> Samples:
        """The line as speech, without long silence around it; raises VoiceUnavailable."""


@dataclass(frozen=True, slots=True)
class CommandVoice:
    """A synthesiser that is a program: flite or espeak-ng."""

    arguments: tuple[str, ...]
    """The command line before the output file and the text."""
    file_option: str
    text_option: str
    warning: str = ""

    async def speak(self, text: str) -> Samples:
        """Run the program in a thread and read what it wrote."""
        return await asyncio.to_thread(self._speak, _checked(text))

    def _speak(self, text: str) -> Samples:
        with tempfile.TemporaryDirectory(prefix="wardline-voice-") as folder:
            target = Path(folder) / "line.wav"
            command = [*self.arguments, self.file_option, str(target)]
            command += [self.text_option, text] if self.text_option else ["--", text]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=SPEAK_LIMIT_S)
            except (OSError, subprocess.SubprocessError):
                raise VoiceUnavailable(f"{self.arguments[0]} failed to speak a line") from None
            return trim(read_sound(target))


class LibraryVoice:
    """espeak-ng as the library that the server brings along: always there."""

    warning = (
        "neither flite nor espeak-ng is installed: speaking with the bundled espeak-ng library,"
        " which recognisers understand far worse than flite (apt install flite)"
    )

    async def speak(self, text: str) -> Samples:
        """Synthesise in a thread."""
        return await asyncio.to_thread(_speak_with_library, _checked(text))


def choose(name: str | None = None) -> Voice:
    """The best voice of this machine, or a named voice of flite; raises VoiceUnavailable."""
    if shutil.which("flite"):
        voice = name or DEFAULT_VOICE
        if voice not in FLITE_VOICES:
            raise VoiceUnavailable(
                f"flite has no voice {voice!r}; it has {', '.join(FLITE_VOICES)}"
            )
        return CommandVoice(("flite", "-voice", voice), "-o", "-t")
    if shutil.which("espeak-ng"):
        return CommandVoice(
            ("espeak-ng", "-v", "en-us"),
            "-w",
            "",
            "flite is not installed: speaking with espeak-ng, which recognisers understand far"
            " worse (apt install flite)",
        )
    return LibraryVoice()


def _checked(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise VoiceUnavailable("there is nothing to say: the text is empty")
    if len(words) > MAX_TEXT:
        raise VoiceUnavailable(f"a line may have {MAX_TEXT} characters at most")
    return words


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: AUDIO_OUTPUT_SYNCHRONOUS, speak_lib.h
_UTF8 = 1  # espeakCHARS_UTF8, speak_lib.h


def _speak_with_library(text: str) -> Samples:
    """One utterance; the library's state is global, and a caller speaks one line at a time."""
    library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    pieces: list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]] = []

    def take(pcm: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        if count > 0:
            pieces.append(np.ctypeslib.as_array(pcm, (count,)).copy())
        return 0

    callback = _Callback(take)
    data_path = str(espeakng_loader.get_data_path()).encode()
    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, data_path, 0)
    if rate_hz <= 0:
        raise VoiceUnavailable("the bundled espeak-ng library does not start")
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en-us")
    raw = text.encode()
    library.espeak_Synth(raw, ctypes.c_size_t(len(raw) + 1), 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    if not pieces:
        raise VoiceUnavailable("the bundled espeak-ng library spoke nothing")
    return trim(to_48k(np.concatenate(pieces), rate_hz))
