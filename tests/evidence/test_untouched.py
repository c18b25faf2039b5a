"""A changed, a removed and an added file of the installation are named."""

from __future__ import annotations

import base64
from hashlib import sha256
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from pipeline.evidence.untouched import NAMES_MAX, Untouched, compare


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A package folder as pip leaves it."""
    site = tmp_path / "site-packages"
    (site / "pack").mkdir(parents=True)
    (site / "pack-1.0.dist-info").mkdir()
    lines = ["pack-1.0.dist-info/RECORD,,", "../../bin/pack,sha256=AAAA,1"]
    for name in ("pack/__init__.py", "pack/code.py"):
        (site / name).write_text(f"# {name}\n")
        digest = base64.urlsafe_b64encode(sha256((site / name).read_bytes()).digest())
        lines.append(f"{name},sha256={digest.rstrip(b'=').decode()},1")
    (site / "pack-1.0.dist-info/RECORD").write_text("\n".join(lines) + "\n")
    return site


def found(site: Path) -> Untouched:
    return compare([PathDistribution(site / "pack-1.0.dist-info")])


def test_an_installation_as_it_came_is_whole(site: Path) -> None:
    assert found(site) == Untouched(2, (), (), ())
    assert found(site).whole


def test_what_was_changed_removed_or_added_is_named(site: Path) -> None:
    (site / "pack/code.py").write_text("import os\n")
    (site / "pack/__init__.py").unlink()
    (site / "zzz.pth").write_text("import os\n")
    (site / "__pycache__").mkdir()
    assert found(site) == Untouched(2, ("pack/code.py",), ("pack/__init__.py",), ("zzz.pth",))
    assert not found(site).whole


def test_a_long_list_is_cut() -> None:
    many = Untouched(9_000, tuple(f"f{n}" for n in range(500)), (), ())
    assert len(many.record()["changed"]) == NAMES_MAX
