"""`Dockerfile.gpu`, as far as it goes without building it: the linter, and what the house wants of an image."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy.recipes import DOCKERFILE, ROOT, stages

IMAGES = ("server", "models")
BIN = Path(sys.executable).parent


@pytest.mark.wire
def test_the_linter_finds_nothing() -> None:
    done = subprocess.run(
        [BIN / "hadolint", "--no-color", str(DOCKERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.wire
def test_the_linter_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp\nENTRYPOINT wardline serve\n")
    done = subprocess.run([BIN / "hadolint", str(bad)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert {"DL3006", "DL3025"} <= set(re.findall(r"DL\d+", done.stdout))


@pytest.mark.wire
def test_the_linter_of_shell_scripts_finds_nothing() -> None:
    scripts = [ROOT / "deploy/systemd/install", ROOT / "deploy/netns", ROOT / "tools/system-deps"]
    scripts += sorted((ROOT / "bench").glob("*.sh"))
    done = subprocess.run(
        [BIN / "shellcheck", *map(str, scripts)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_base_is_pinned_by_a_whole_version_and_can_be_pinned_by_digest() -> None:
    bases = [rest for name, rest in stages()[""] if name == "ARG"]
    assert len(bases) == 3
    for base in bases:
        assert re.fullmatch(r"\w+_BASE=[a-z/]+:\d+\.\d+\.\d+-[a-z0-9.-]+", base), base
    named = {
        rest.split()[0]
        for lines in stages().values()
        for name, rest in lines
        if name == "FROM" and "$" in rest
    }
    assert named == {f"${{{base.partition('=')[0]}}}" for base in bases}


def test_every_file_that_is_copied_exists_and_reaches_the_builder() -> None:
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"
    ]
    assert ignored[0] == "*"  # nothing goes there that is not named
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source
        for lines in stages().values()
        for name, rest in lines
        if name == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    for source in copied:
        assert (ROOT / source).exists(), source
    for private in (
        "var",
        "deploy/secrets",
        ".git",
        "deploy/wardline.toml",
        "requirements/dev.lock",
    ):
        assert not any(fnmatch(private, each) for each in allowed), private


def test_what_the_build_copies_is_all_that_the_package_needs(tmp_path: Path) -> None:
    for source in ("pyproject.toml", "README.md", "requirements/runtime.lock"):
        target = tmp_path / source
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, target)
    wheel = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
        "targets"
    ]["wheel"]
    copied = {rest.split()[0] for name, rest in stages()["server-packages"] if name == "COPY"} - {
        "pyproject.toml",
        "requirements/runtime.lock",
    }
    assert copied == set(wheel["packages"])
    assert all((tmp_path / source).exists() for source in wheel["extra-metadata"])


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_special_and_takes_signals_itself(image: str) -> None:
    lines = stages()[image]
    last = dict(lines)
    assert last["USER"] == "10001:10001"
    assert last["ENTRYPOINT"].startswith('["')  # a shell as process 1 would keep SIGTERM to itself
    assert last["CMD"].startswith('["')
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert "HEALTHCHECK" in last
    assert "org.opencontainers.image.licenses" in last["LABEL"]
    after = [name for name, _ in lines[[name for name, _ in lines].index("USER") :]]
    assert not {"COPY", "ADD"} & set(after)
    changed = [name for name, rest in lines if name == "ADD" or "curl" in rest or "wget" in rest]
    assert changed == []


@pytest.mark.parametrize("image", IMAGES)
def test_state_is_in_one_place_and_an_image_holds_no_secret(image: str) -> None:
    environment = " ".join(rest for name, rest in stages()[image] if name == "ENV")
    assert "XDG_STATE_HOME=/var/lib" in environment
    assert "HOME=/var/lib/wardline" in environment
    assert "CUDA_CACHE_PATH=/var/lib/wardline/" in environment
    assert not re.search(r"(KEY|TOKEN|SECRET|PASSWORD)\w*=", DOCKERFILE.read_text())


def test_every_package_of_both_environments_is_installed_by_its_hash() -> None:
    installs = [
        rest
        for lines in stages().values()
        for name, rest in lines
        if " install " in rest and "pip" in rest
    ]
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes" in line or ("--no-deps" in line and line.endswith(" ."))
