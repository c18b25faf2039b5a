"""Makes the test voices: files in Piper's format whose "network" is a table of sounds cut out of espeak-ng's speech.

`python -m tools.make_tiny_voice [FOLDER]` writes tests/data/voices/. The graph has a real voice's inputs, output and
durations (one Ceil), so everything around the network is tested with it; how a good voice sounds is not.
`heavy-en` carries useless arithmetic for each frame and so takes as long as a real voice.
Nothing is drawn by chance: the same espeak-ng gives the same files.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import sys
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
import soxr
from numpy.typing import NDArray
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

from tools.onnx_graph import Graph

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "data" / "voices"
RATE_HZ, HOP_SAMPLES = 16_000, 256
SYMBOLS = 256
LONGEST_FRAMES = 14
SPEECH_RATE, FLAT = 140, 0
QUIET_FRAMES = {"^": 6, "$": 8, ".": 14, "?": 14, "!": 14, ",": 10, ";": 10, ":": 10}
"""Silence that the voice makes of its own: at both ends and for punctuation."""
_PHONEME_EVENT, _RATE, _RANGE = 7, 1, 4
_SYNCHRONOUS, _PHONEMES_AS_IPA = 2, 3

SENTENCES = {
    "en-us": (
        "Thank you for calling, this is the desk of the family clinic.",
        "Which day would suit you, Thursday or Wednesday the twenty third?",
        "The measure of joy is a rough treasure, she usually says.",
        "We could choose a good book about a small boat in deep water.",
        "Please bring your insurance card, your pills and a list of allergies.",
        "My father's vision was fading, but the judge heard each voice.",
        "Half an hour before noon, a young nurse will check your blood pressure.",
        "Hang up and dial nine one one if you have chest pain or cannot breathe.",
        "Zero, one, two, three, four, five, six, seven, eight, nine and ten.",
        "Her bird flew over thirty yellow pears near the quiet church.",
        "A doctor will ask about asthma, fever, cough and any change of weight.",
        "The little bottle is on top of the square box, not in the pocket.",
    ),
    "es-419": (
        "Gracias por llamar, esta es la recepción de la clínica familiar.",
        "¿Qué día le conviene más, el jueves o el miércoles veintitrés?",
        "El niño pequeño llegó ayer con mucha fiebre y dolor de garganta.",
        "Traiga su tarjeta del seguro, sus pastillas y una lista de alergias.",
        "Cuelgue y marque nueve uno uno si le duele el pecho o no respira.",
        "Cero, uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve y diez.",
        "La guitarra del señor Ramírez es roja, y su perro corre rápido.",
        "Una enfermera joven le tomará la presión a las once de la mañana.",
        "¿Quiere que el doctor González le llame hoy o el año próximo?",
        "Yo quiero un vaso de agua, pan, queso, uvas, chocolate y fruta.",
    ),
}


@dataclass(frozen=True, slots=True)
class Design:
    """One file to be made."""

    name: str
    espeak_voice: str
    level: float
    """Of its loudest sample: the voices differ on purpose, so that making them equally loud is work."""
    ballast_layers: int = 0


DESIGNS = (
    Design("tiny-en", "en-us", 0.9),
    Design("tiny-es", "es-419", 0.12),
    Design("heavy-en", "en-us", 0.5, ballast_layers=400),
)


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h, its union read as the phoneme's name."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Espeak:
    """Monotonous speech with the place of every phoneme."""

    def __init__(self) -> None:
        self._calls = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate_hz: int = self._calls.espeak_Initialize(
            _SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _PHONEMES_AS_IPA
        )
        self._audio = bytearray()
        self._events: list[tuple[int, str]] = []
        self._callback = _Callback(self._on_audio)
        self._calls.espeak_SetSynthCallback(self._callback)

    def _on_audio(
        self, audio: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]
    ) -> int:
        if count > 0:
            self._audio += ctypes.string_at(audio, 2 * count)
        index = 0
        while events[index].type:
            if events[index].type == _PHONEME_EVENT:
                self._events.append((events[index].sample, events[index].name.decode()))
            index += 1
        return 0

    def speak(self, voice: str, text: str) -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
        """Audio in -1..1 at espeak's rate, and where each phoneme begins."""
        self._audio.clear()
        self._events = []
        self._calls.espeak_SetVoiceByName(voice.encode())
        self._calls.espeak_SetParameter(_RATE, SPEECH_RATE, 0)
        self._calls.espeak_SetParameter(_RANGE, FLAT, 0)
        data = text.encode() + b"\0"
        self._calls.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
        samples = np.frombuffer(bytes(self._audio), np.int16) / np.float32(32_768)
        return samples.astype(np.float32), [*self._events, (len(samples), "")]


def sounds(espeak: _Espeak, voice: str) -> dict[str, NDArray[np.float32]]:
    """One typical stretch of audio for each symbol that the voice speaks, a whole number of frames long."""
    found: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for sentence in SENTENCES[voice]:
        samples, events = espeak.speak(voice, sentence)
        for (start, name), (end, _) in itertools.pairwise(events):
            symbols = [one for one in unicodedata.normalize("NFD", name) if one not in "ˈˌː"]
            for place, symbol in enumerate(symbols):
                first = start + (end - start) * place // len(symbols)
                behind = start + (end - start) * (place + 1) // len(symbols)
                if behind - first >= espeak.rate_hz // 100:
                    found[symbol].append(samples[first:behind])
    return {
        symbol: _framed(_typical(takes), espeak.rate_hz)
        for symbol, takes in sorted(found.items())
        if symbol in DEFAULT_PHONEME_ID_MAP and symbol not in QUIET_FRAMES
    }


def _typical(takes: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Of middling length, and of those the one of middling strength."""
    takes = sorted(takes, key=len)
    middle = takes[len(takes) * 2 // 5 : len(takes) * 3 // 5 + 1]
    return sorted(middle, key=lambda take: float(np.mean(take**2)))[len(middle) // 2]


def _framed(take: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    samples = soxr.resample(take, rate_hz, RATE_HZ)
    frames = min(LONGEST_FRAMES, max(1, round(len(samples) / HOP_SAMPLES)))
    places = np.linspace(0, len(samples) - 1, frames * HOP_SAMPLES)
    out = np.interp(places, np.arange(len(samples)), samples)
    fade = np.linspace(0.0, 1.0, 32)
    out[:32] *= fade
    out[-32:] *= fade[::-1]
    framed: NDArray[np.float32] = out.astype(np.float32)
    return framed


def table(
    spoken: dict[str, NDArray[np.float32]], level: float
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Rows of one frame in 8 bits, the step of each row, each symbol's first row, and its length in frames."""
    first, frames = np.zeros(SYMBOLS, np.int64), np.zeros(SYMBOLS, np.float32)
    loudest = max(float(np.abs(audio).max()) for audio in spoken.values())
    rows = [np.zeros((1, HOP_SAMPLES), np.float32)]  # silence
    for symbol, count in QUIET_FRAMES.items():
        frames[DEFAULT_PHONEME_ID_MAP[symbol][0]] = count
    for symbol, audio in spoken.items():
        number = DEFAULT_PHONEME_ID_MAP[symbol][0]
        first[number] = sum(len(row) for row in rows)
        rows.append(audio.reshape(-1, HOP_SAMPLES) * (level / loudest))
        frames[number] = len(rows[-1])
    every = np.concatenate(rows)
    steps = np.maximum(np.abs(every).max(axis=1, keepdims=True), 1e-9).astype(np.float32) / 127
    return np.rint(every / steps).astype(np.int8), steps, first, frames


def voice_model(spoken: dict[str, NDArray[np.float32]], design: Design) -> bytes:
    """The graph: durations of the ids, then for each frame of audio the row that belongs to it."""
    rows, steps, first, frames = table(spoken, design.level)
    quiet = np.array([symbol in (0, *_quiet_ids()) for symbol in range(SYMBOLS)])
    last = np.where(quiet, 0, np.maximum(frames - 1, 0)).astype(np.int64)
    graph = Graph(design.name)
    node, constant = graph.node, graph.constant
    graph.takes("input", "int64", [1, "T"])
    graph.takes("input_lengths", "int64", [1])
    graph.takes("scales", "float32", [3])
    zero, one = constant(np.array(0, np.int64)), constant(np.array(1, np.int64))
    axis0, axis1 = constant(np.array([0], np.int64)), constant(np.array([1], np.int64))
    node("Reshape", ["input", constant(np.array([-1], np.int64))], "ids")
    node("Gather", ["scales", one], "asked_scale")
    node("Max", ["asked_scale", constant(np.array(0.1, np.float32))], "scale")
    node("Gather", [constant(frames), "ids"], "lengths")
    node("Mul", ["lengths", "scale"], "scaled")
    node("Ceil", ["scaled"], "w_ceil")
    node("Cast", ["w_ceil"], "widths", to=7)
    node("CumSum", ["widths", zero], "ends")
    node("Sub", ["ends", "widths"], "starts")
    node("ReduceSum", ["widths"], "total", keepdims=0)
    node("Range", [zero, "total", one], "frame")
    node("Unsqueeze", ["frame", axis0], "frame_row")
    node("Unsqueeze", ["ends", axis1], "end_column")
    node("GreaterOrEqual", ["frame_row", "end_column"], "passed")
    node("Cast", ["passed"], "passed_number", to=7)
    node("ReduceSum", ["passed_number", axis0], "place", keepdims=0)
    node("Gather", ["ids", "place"], "symbol")
    node("Gather", ["starts", "place"], "begun")
    node("Sub", ["frame", "begun"], "since")
    node("Cast", ["since"], "since_number", to=1)
    node("Div", ["since_number", "scale"], "unscaled")
    node("Cast", ["unscaled"], "offset", to=7)
    node("Gather", [constant(last), "symbol"], "farthest")
    node("Min", ["offset", "farthest"], "row_of_symbol")
    node("Gather", [constant(first), "symbol"], "first_row")
    node("Add", ["first_row", "row_of_symbol"], "row")
    node("Gather", [constant(rows), "row"], "coarse")
    node("Cast", ["coarse"], "coarse_number", to=1)
    node("Gather", [constant(steps), "row"], "step")
    audio = node("Mul", ["coarse_number", "step"], "audio_frames")
    if design.ballast_layers:
        audio = _with_ballast(graph, design.ballast_layers)
    node("Reshape", [audio, constant(np.array([1, 1, -1], np.int64))], "output")
    graph.gives("output", "float32", [1, 1, "N"])
    return graph.model()


def _quiet_ids() -> list[int]:
    return [DEFAULT_PHONEME_ID_MAP[symbol][0] for symbol in QUIET_FRAMES]


def _with_ballast(graph: Graph, layers: int) -> str:
    """Powers of powers of each sample, added with the weight nought."""
    power = graph.constant(np.array(0.7, np.float32))
    at = graph.node("Abs", ["audio_frames"], "size")
    for layer in range(layers):
        at = graph.node("Pow", [at, power], f"layer_{layer}")
    nothing = graph.node("Mul", [at, graph.constant(np.array(0.0, np.float32))], "nothing")
    return graph.node("Add", ["audio_frames", nothing], "audio_with_ballast")


def described(design: Design) -> str:
    """The settings file beside the model."""
    return json.dumps(
        {
            "audio": {"sample_rate": RATE_HZ, "quality": "x_low"},
            "espeak": {"voice": design.espeak_voice},
            "phoneme_type": "espeak",
            "num_symbols": SYMBOLS,
            "num_speakers": 1,
            "inference": {"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0},
            "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
            "speaker_id_map": {},
            "hop_length": HOP_SAMPLES,
        },
        ensure_ascii=False,
        indent=1,
    )


def main(folder: Path) -> None:
    """Write every voice."""
    espeak = _Espeak()
    folder.mkdir(parents=True, exist_ok=True)
    for design in DESIGNS:
        model = folder / f"{design.name}.onnx"
        model.write_bytes(voice_model(sounds(espeak, design.espeak_voice), design))
        model.with_name(f"{design.name}.onnx.json").write_text(described(design) + "\n")
        print(f"{model.name}: {model.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
