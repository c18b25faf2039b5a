"""Each layer is where the page says, and its test fails when it is off."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline import config
from tests.canary.layers import LAYERS, Layer
from tests.first_call.served import REPOSITORY
from tools.make_layers import PAGE, page

LIMIT_S = 240
COPIED = ("pipeline", "phi", "models", "bench", "tests", "tools", "docs", "pyproject.toml")
NAMES = [layer.name for layer in LAYERS]


def test_the_page_of_layers_is_made_from_the_table() -> None:
    assert PAGE.read_text() == page(), "run: python -m tools.make_layers"
    assert len(LAYERS) >= 40
    assert max(Counter(NAMES).values()) == 1


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_a_layer_is_where_the_page_says_and_so_is_its_test(layer: Layer) -> None:
    assert (REPOSITORY / layer.file).read_text().count(layer.on) == 1
    assert layer.off != layer.on
    file, _, name = layer.test.partition("::")
    assert re.search(rf"^(async )?def {name}\b", (REPOSITORY / file).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.mark.long
@pytest.mark.wire
@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_the_named_test_fails_when_the_layer_is_off(layer: Layer, copy: Path) -> None:
    file = copy / layer.file
    whole = file.read_text()
    file.write_text(whole.replace(layer.on, layer.off))
    try:
        compile(file.read_text(), layer.file, "exec")
        failed = _run(copy, layer.test)
    finally:
        file.write_text(whole)
    assert layer.test.partition("[")[0] in failed


def _run(copy: Path, test: str) -> str:
    """Run one test there; what it says of failures, or nothing when there are none."""
    done = subprocess.run(
        [
            sys.executable,
            "-B",
            "-m",
            "pytest",
            "-q",
            "-x",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            test,
        ],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        # the copy stands before the checkout, in the test and in every process that it starts
        env=config.child_environment({"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}),
    )
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    return "\n".join(line for line in done.stdout.splitlines() if line.startswith("FAILED "))
