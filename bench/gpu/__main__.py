"""`bench/gpu.sh`: measures a card at the engines' shapes and writes one JSON file. Says 2 and a sentence where it cannot."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.gpu.device import Device, Unavailable
from bench.gpu.hearing import Ear
from bench.gpu.language import Blocks
from bench.gpu.speaking import MEDIUM, Voice, VoiceShape
from bench.gpu.timing import timed
from models.sizes import LLMS, WHISPERS, LlmShape, WhisperShape

PREFILL_TOKENS = 1_024
CONTEXT_TOKENS = 2_048
BATCHES = (1, 8, 32)
WINDOWS = (1, 4)
SOUND_MS = 2_000.0
ROUNDS, WARM_UP = 50, 5
NOTE = (
    "Random weights in plain torch: how fast this card is at these shapes. Real engines have kernels of their own,"
    " and no figure here says how well anything hears, answers or sounds."
)
TOO_LARGE = "the real shapes would take a processor hours; add --tiny to see that the code works"

TINY_LLM = LlmShape("tiny", 2, 64, 4, 2, 16, 96, 300)
TINY_EXPERTS = LlmShape("tiny-experts", 2, 64, 4, 2, 16, 32, 300, experts=4, experts_used=2)
TINY_EAR = WhisperShape("tiny", 64, 4, 2, 2, 300, mels=16)
TINY_VOICE = VoiceShape("tiny", 16, 32, (4, 4), (8, 8))

Made = tuple[Callable[[], object], bool, dict[str, Any]]
"""Work, whether it was recorded as a graph, and more about it."""
Work = tuple[dict[str, Any], Callable[[], Made]]
"""What is measured, and how it is made."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 2 where there is nothing to measure on."""
    asked = _parser().parse_args(arguments)
    if asked.device == "cpu" and not asked.tiny:
        print(f"bench gpu: {TOO_LARGE}.", file=sys.stderr)
        return 2
    try:
        device = Device(asked.device)
    except Unavailable as error:
        print(f"bench gpu: {error}.", file=sys.stderr)
        return 2
    results = []
    with device.torch.inference_mode():
        for about, make in _plan(device, tiny=asked.tiny):
            if asked.only and about["engine"] != asked.only:
                continue
            result = about | _measured(device, make, asked.rounds)
            results.append(result)
            print(_line(result), file=sys.stderr, flush=True)
    document = {
        "bench": "gpu",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": NOTE,
        "tiny": asked.tiny,
        **device.facts(),
        "results": results,
    }
    text = json.dumps(document, indent=2) + "\n"
    if asked.out is None:
        print(text, end="")
    else:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(text)
        print(f"Written to {asked.out}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/gpu.sh", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="toy shapes: shows that the code works")
    parser.add_argument("--only", choices=("whisper", "llm", "piper"), help="just this engine")
    parser.add_argument("--rounds", type=int, choices=range(1, 10_001), metavar="N", default=ROUNDS)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a JSON file (default: standard output)"
    )
    return parser


def _plan(device: Device, *, tiny: bool) -> Iterator[Work]:
    ears = (TINY_EAR,) if tiny else WHISPERS[:2]
    for ear in ears:
        yield from _hearing(device, ear, tiny)
    for llm in (TINY_LLM, TINY_EXPERTS) if tiny else LLMS:
        yield from _thinking(device, llm, tiny)
    yield from _speaking(device, TINY_VOICE if tiny else MEDIUM)


def _hearing(device: Device, shape: WhisperShape, tiny: bool) -> Iterator[Work]:
    def ear() -> Ear:
        return Ear(device, shape, 100) if tiny else Ear(device, shape)

    def encoding(windows: int) -> Made:
        return *device.recorded(ear().encode(windows)), {}

    def telling(windows: int) -> Made:
        return *device.recorded(ear().step(windows)), {}

    for windows in WINDOWS:
        about = {"engine": "whisper", "shape": shape.name, "windows": windows}
        yield about | {"work": "encode 30 s"}, partial(encoding, windows)
        yield about | {"work": "one token"}, partial(telling, windows)


def _thinking(device: Device, shape: LlmShape, tiny: bool) -> Iterator[Work]:
    prompt, context = (16, 32) if tiny else (PREFILL_TOKENS, CONTEXT_TOKENS)
    more = {"layers": shape.layers, "parameters": shape.parameters}

    def reading() -> Made:
        blocks = Blocks(device, shape, 0)
        return blocks.prefill(prompt), False, more | {"layers_held": len(blocks.layers)}

    def telling(batch: int) -> Made:
        blocks = Blocks(device, shape, batch * context)
        work, graph = device.recorded(blocks.decode(batch, context))
        return work, graph, more | {"layers_held": len(blocks.layers)}

    about = {"engine": "llm", "shape": shape.name}
    yield about | {"work": "read a prompt", "tokens": prompt}, reading
    for batch in BATCHES:
        stated = {"work": "one token each", "batch": batch, "context_tokens": context}
        yield about | stated, partial(telling, batch)


def _speaking(device: Device, shape: VoiceShape) -> Iterator[Work]:
    about = {"engine": "piper", "shape": shape.name, "work": "make sound", "sound_ms": SOUND_MS}
    yield about, lambda: (*device.recorded(Voice(device, shape).speak(SOUND_MS)), {})


def _measured(
    device: Device,
    make: Callable[[], Made],
    rounds: int,
) -> dict[str, Any]:
    """The figures, or why there are none; nothing of it stays on the card."""
    try:
        work, graph, more = make()
        found = timed(
            work, rounds=rounds, warm_up=WARM_UP, now_ms=device.now_ms, finish=device.finish
        )
    except RuntimeError as error:
        if not device.out_of_memory(error):
            raise
        return {"not_measured": "the card's memory is too small for it"}
    finally:
        work = None  # type: ignore[assignment]  # frees its tensors before the next
        device.let_go()
    return {"recorded_graph": graph, **more, **found.as_json()}


def _line(result: dict[str, Any]) -> str:
    names = ("engine", "shape", "work", "windows", "batch", "tokens")
    what = " ".join(str(result[name]) for name in names if name in result)
    if "not_measured" in result:
        return f"{what}: {result['not_measured']}"
    return f"{what}: p50 {result['p50_ms']:.2f} ms, p95 {result['p95_ms']:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
