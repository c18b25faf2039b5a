"""`make setup` on a machine that was not ready the first time, and what the tests find there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASKED_FOR = re.compile(r"apt-get install(?: -y| --no-install-recommends)*((?: [a-z][a-z0-9-]+)+)")
"""What a test says that misses a program."""
PYTHON = """#!/bin/sh
# stands for a Python whose venv is complete: pip in it notes that it ran
for folder; do :; done
mkdir -p "$folder/bin"
printf '#!/bin/sh\\necho ran >> "%s/pip.ran"\\n' "$folder" > "$folder/bin/pip"
chmod +x "$folder/bin/pip"
"""


@pytest.mark.wire
def test_a_half_made_environment_without_pip_is_made_again(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    python, venv = tmp_path / "python", tmp_path / "venv"
    python.write_text(PYTHON)
    python.chmod(0o755)
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(python)  # what is left where ensurepip is missing
    command = [make, "-C", str(ROOT), "setup", f"PYTHON={python}", f"VENV={venv}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (venv / "pip.ran").read_text() == "ran\nran\n"


def test_every_package_that_a_test_asks_for_is_installed_before_the_tests() -> None:
    listed = re.search(r'^packages="(.*)"$', (ROOT / "tools/system-deps").read_text(), re.MULTILINE)
    assert listed is not None
    asked_for = {
        package
        for file in (ROOT / "tests").rglob("*.py")
        for names in ASKED_FOR.findall(file.read_text())
        for package in names.split()
    }
    assert len(asked_for) >= 8
    assert asked_for <= set(listed[1].split())
