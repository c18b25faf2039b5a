"""Whatever kind onnxruntime raises for a model that is none, it is one that is caught."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest

from models.onnx_faults import ONNX_FAULTS


@pytest.mark.parametrize("content", [None, b"", b"junk"])
def test_a_file_that_is_no_model_raises_a_known_kind(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "x.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ONNX_FAULTS):
        onnxruntime.InferenceSession(
            str(file), onnxruntime.SessionOptions(), ["CPUExecutionProvider"]
        )


def test_the_kinds_are_onnxruntime_s_own_and_not_everything() -> None:
    assert len(ONNX_FAULTS) > 10
    assert Exception not in ONNX_FAULTS
