"""The shell that looks: over this machine's own /proc, and over a made /sys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline import config
from pipeline.machine import parse
from pipeline.machine.facts import Block
from pipeline.machine.judge import is_sealed, judge
from pipeline.machine.read import blocks, look, nearest
from pipeline.settings import Settings
from pipeline.store.opening import prepare

pytestmark = pytest.mark.wire
"""Reads /proc and switches core dumps of the test's own process off."""


def settings_in(directory: Path, **store: object) -> Settings:
    return config.from_mapping({"state": {"directory": str(directory)}, "store": store})


def silent(*_: str) -> str | None:
    """No program of the system answers."""
    return None


def test_this_machine_is_looked_at_without_any_right(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    machine = look(settings_in(state), run=silent)
    assert {volume.what for volume in machine.volumes} == {
        "state.directory",
        "audit.directory",
        "store.directory",
    }
    assert all(volume.filesystem for volume in machine.volumes)
    assert machine.firewall is None
    assert machine.patches is not None
    assert machine.patches.pending is None
    assert (machine.cores.limit, machine.cores.dumpable) == (0, 0)
    assert machine.swaps is not None
    assert any(name.startswith(("python", "pytest")) for name in machine.programs)
    verdicts = {finding.name: finding.verdict for finding in judge(machine)}
    assert verdicts["firewall"] == verdicts["security patches"] == "unknown"
    assert verdicts["permissions"] == "pass"
    assert verdicts["key apart from data"] == "fail"


def test_files_of_a_first_start_are_private_and_a_loosened_one_is_found(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = settings_in(state)
    prepare(settings)
    file = tmp_path / "c.toml"
    file.write_text("")
    file.chmod(0o600)

    def permissions() -> tuple[str, str]:
        found = judge(look(settings, file, silent))
        return next((f.verdict, f.message) for f in found if f.name == "permissions")

    assert permissions()[0] == "pass", permissions()
    (state / "keys/install.key").chmod(0o640)
    verdict, message = permissions()
    assert verdict == "fail"
    assert "store.key_file" in message
    (state / "keys/install.key").chmod(0o600)
    file.chmod(0o666)
    assert "the configuration" in permissions()[1]
    file.chmod(0o644)
    assert permissions()[0] == "pass"
    settings = replace(settings, webhook=replace(settings.webhook, secret="s" * 32))
    assert "the configuration" in permissions()[1], "row C11: others may read the secret in it"
    file.chmod(0o600)
    tmp_path.chmod(0o777)
    assert "the folder" in permissions()[1]
    tmp_path.chmod(0o700)


def test_what_the_systems_programs_say_is_used(tmp_path: Path) -> None:
    answers = {
        "nft": '{"nftables": [{"chain": {"family": "ip", "table": "f", "hook": "input", "policy": "drop"}}]}',
        "apt-get": "Inst a [1] (2 Debian-Security:12/x [all])\n",
        "apt-config": 'APT::Periodic::Unattended-Upgrade "1";\n',
    }
    asked: list[str] = []

    def run(program: str, *arguments: str) -> str | None:
        asked.append(" ".join((program, *arguments)))
        return answers[program]

    machine = look(settings_in(tmp_path), run=run)
    assert machine.firewall is not None
    assert machine.firewall.filters_input
    assert machine.patches is not None
    assert (machine.patches.pending, machine.patches.automatic) == (1, True)
    assert all("--simulate" in line for line in asked if line.startswith("apt-get"))


def test_a_key_on_another_file_system_is_seen(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:  # another file system is the point
        machine = look(settings_in(tmp_path, key_file=f"{elsewhere}/install.key"), run=silent)
    assert machine.key.key_device != machine.key.data_device


def made_sysfs(root: Path) -> Path:
    """A disk, its second partition, LUKS on that, LVM on LUKS; and a loop device."""

    def device(path: str, number: str, **files: str) -> Path:
        folder = root / "devices" / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"dev": number, **files}.items():
            file = folder / name.replace("__", "/")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text + "\n")
        (root / "block").mkdir(exist_ok=True)
        os.symlink(folder, root / "block" / number)
        return folder

    device("sda", "8:0")
    part = device("sda/sda2", "8:2", partition="2")
    luks = device("dm-0", "253:0", dm__uuid="CRYPT-LUKS2-77-x")
    lvm = device("dm-1", "253:1", dm__uuid="LVM-77")
    device("loop0", "7:0", loop__backing_file="/srv/image")
    for folder, slave in ((luks, part), (lvm, luks)):
        (folder / "slaves").mkdir()
        os.symlink(slave, folder / "slaves" / slave.name)
    return root / "block"


def test_a_device_is_followed_down_to_its_disk(tmp_path: Path) -> None:
    mounts = parse.mounts("1 0 253:1 / / rw - ext4 /dev/mapper/x rw\n")
    found = blocks({"253:1", "7:0", ""}, mounts, made_sysfs(tmp_path))
    assert found["253:1"] == Block("dm-1", "LVM-77", ("253:0",))
    assert found["253:0"] == Block("dm-0", "CRYPT-LUKS2-77-x", ("8:2",))
    assert found["8:2"] == Block("sda2", "", ("8:0",))
    assert found["8:0"] == Block("sda")
    assert found["7:0"] == Block("loop0", "", ("253:1",))
    assert is_sealed("253:1", found)
    assert is_sealed("7:0", found)
    assert is_sealed("8:2", found) is False
    assert blocks({"9:9"}, mounts, tmp_path) == {}


def test_a_path_that_is_not_there_yet_lies_where_its_folder_does(tmp_path: Path) -> None:
    assert nearest(tmp_path / "a/b/c") == Path(os.path.realpath(tmp_path))


def test_a_folder_this_user_may_not_enter_is_unknown_and_no_crash() -> None:
    with TemporaryDirectory() as name:  # pytest's own folder is closed to others higher up
        closed = Path(name) / "closed"
        (closed / "state").mkdir(parents=True)
        Path(name).chmod(0o755)
        closed.chmod(0o000)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.machine.as_another", str(closed / "state")],
                capture_output=True,
                check=False,
                text=True,
                timeout=60,
            )
        finally:
            closed.chmod(0o700)
    assert done.returncode == 0, done.stderr
    verdicts = {found["name"]: found["verdict"] for found in json.loads(done.stdout)}
    assert verdicts["permissions"] == "unknown"
    assert verdicts["firewall"] == "unknown"
    assert verdicts["disk encryption"] in {"pass", "fail", "unknown"}
