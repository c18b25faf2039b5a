"""`bench/gpu.sh`: what it says where it cannot measure, and with torch on a processor that all of its code runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from bench.gpu.device import Device
from bench.gpu.language import KEPT_FREE_BYTES, held
from bench.gpu.speaking import MEDIUM
from models.sizes import GIB, LLMS

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "bench/gpu.sh"
TORCH = ROOT / ".venv-gpu/bin/python"


def run(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PYTHON": str(python), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.wire
def test_without_torch_it_says_how_to_get_it() -> None:
    done = run(Path(sys.executable), "--device", "cpu", "--tiny")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install torch==" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.wire
def test_the_real_shapes_are_not_tried_on_a_processor() -> None:
    done = run(Path(sys.executable), "--device", "cpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--tiny" in done.stderr


@pytest.mark.long
@pytest.mark.wire
def test_on_a_processor_every_piece_of_work_runs_and_is_written(tmp_path: Path) -> None:
    subprocess.run(["make", "-C", str(ROOT), ".venv-gpu/.ready"], check=True, capture_output=True)
    done = run(TORCH)
    if "no CUDA device" in done.stderr:
        assert (done.returncode, done.stdout) == (2, "")
    else:
        assert done.returncode == 0
    file = tmp_path / "made/gpu.json"
    done = run(TORCH, "--device", "cpu", "--tiny", "--rounds", "2", "--out", str(file))
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert document["tiny"]
    assert document["torch"]
    results = document["results"]
    assert [each["engine"] for each in results].count("whisper") == 4
    assert [each["engine"] for each in results].count("llm") == 8
    assert [each["engine"] for each in results].count("piper") == 1
    for each in results:
        assert 0 < each["best_ms"] <= each["p50_ms"] <= each["worst_ms"]
        assert each["rounds"] == 2
        if each["engine"] == "llm":
            assert each["layers_held"] == each["layers"]


SHAPES = """
import torch
from bench.gpu.__main__ import TINY_EAR, TINY_EXPERTS, TINY_LLM
from bench.gpu.device import Device
from bench.gpu.hearing import Ear
from bench.gpu.language import Blocks
from bench.gpu.speaking import MEDIUM, Voice
device = Device("cpu")
with torch.inference_mode():
    sound = Voice(device, MEDIUM).speak(500)()
    assert sound.shape == (1, 1, 43 * 256), sound.shape
    for shape in (TINY_LLM, TINY_EXPERTS):
        blocks = Blocks(device, shape, 96)
        assert blocks.prefill(12)().shape == (1, shape.vocabulary)
        assert blocks.decode(3, 32)().shape == (3,)
    ear = Ear(device, TINY_EAR, 50)
    assert ear.encode(2)().shape == (2, 50, TINY_EAR.width)
    assert ear.step(2)().shape == (2,)
    weights = sum(each.numel() for layer in blocks.layers[:1] for each in layer.values())
    assert weights == TINY_EXPERTS.layer_parameters, weights
    assert all(torch.isfinite(each).all() for each in (sound, ear.encode(1)()))
print("as they should be")
"""


@pytest.mark.long
@pytest.mark.wire
def test_the_work_has_the_shapes_it_claims_and_the_weights_that_are_counted() -> None:
    subprocess.run(["make", "-C", str(ROOT), ".venv-gpu/.ready"], check=True, capture_output=True)
    done = subprocess.run(
        [TORCH, "-c", SHAPES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "as they should be\n", done.stderr


class Card:
    """A device of which only the free memory is asked."""

    def __init__(self, free_bytes: int) -> None:
        self._free_bytes = free_bytes

    def free_bytes(self) -> int:
        return self._free_bytes


@pytest.mark.parametrize("shape", LLMS, ids=lambda shape: shape.name)
def test_as_many_layers_are_held_as_fit_and_never_more(shape: Any) -> None:
    def layers(free_bytes: int, tokens: int) -> int:
        return held(cast(Device, Card(free_bytes)), shape, tokens)

    assert layers(1 << 62, 65_536) == shape.layers
    assert layers(0, 0) == 1
    some = layers(24 * GIB, 65_536)
    each = 2 * shape.layer_parameters + shape.cache_bytes(65_536) // shape.layers
    assert some == shape.layers or some * each <= 24 * GIB - KEPT_FREE_BYTES
    assert layers(24 * GIB, 0) >= some


def test_a_voices_frame_is_what_its_rates_make_of_it() -> None:
    assert MEDIUM.frame_samples == 256  # 11.6 ms at 22,050 Hz, as Piper's medium voices
