"""The script makes the very voices that lie in the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.models.voices import ENGLISH, FOLDER

MOST_BYTES = 1_500_000


@pytest.mark.wire
def test_the_voices_are_small_and_made_by_their_script(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tools.make_tiny_voice", str(tmp_path)], check=True)
    ours = sorted(path.name for path in FOLDER.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ours
    assert sum((FOLDER / name).stat().st_size for name in ours) <= MOST_BYTES
    for name in ours:
        if name.endswith(".json"):
            assert (tmp_path / name).read_text() == (FOLDER / name).read_text()
    committed, made = (spoken(path) for path in (ENGLISH, tmp_path / ENGLISH.name))
    assert committed.shape == made.shape
    assert np.corrcoef(committed, made)[0, 1] > 0.99


def spoken(model: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(model), None, ["CPUExecutionProvider"])
    ids = np.arange(14, 129, dtype=np.int64)[None, :]
    scales = np.array([0.0, 1.0, 0.0], np.float32)
    lengths = np.array([ids.shape[1]], np.int64)
    return session.run(None, {"input": ids, "input_lengths": lengths, "scales": scales})[0].ravel()
