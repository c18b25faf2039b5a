"""The units for systemd, by systemd's own checker and against the settings."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.settings import Settings
from tests.deploy.recipes import ROOT, UNITS, unit

INSTALL = ROOT / "deploy/systemd/install"
EXPOSURE_MAX = 20
"""Of 100, as `systemd-analyze security` counts; a unit without hardening has 96."""


def here(path: Path, folder: Path) -> Path:
    """The unit with a program that this machine has, in place of one that it need not have."""
    copy = folder / path.name
    copy.write_text(
        re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
    )
    return copy


@pytest.mark.wire
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    copies = [str(here(path, tmp_path)) for path in UNITS]
    assert len(copies) == 2
    done = subprocess.run(
        ["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "wardline" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.wire
def test_systemd_would_find_a_fault(tmp_path: Path) -> None:
    copy = here(UNITS[0], tmp_path)
    copy.write_text(copy.read_text() + "ProtectSytem=strict\n[Service]\nNoNewPrivilegs=yes\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert "NoNewPrivilegs" in done.stderr


@pytest.mark.wire
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_exposes_little(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}"),
            str(here(path, tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_keeps_no_words_and_no_memory(path: Path) -> None:
    found = unit(path)
    assert found["LimitCORE"] == ["0"]
    assert found["StandardOutput"] == ["null"]
    assert found["UMask"] == ["0077"]
    assert found["Type"] == ["exec"]  # no sd_notify in the program: anything else would wait for it
    assert found["KillMode"] == ["mixed"]
    assert found["RestartPreventExitStatus"] == ["78"]
    secret = found["LoadCredential"][0].partition(":")[0]
    assert any(f"${{file:%d/{secret}}}" in line for line in found["Environment"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_does_not_forbid_what_a_call_needs(path: Path) -> None:
    # tried: the server starts under it, and a call's DTLS ends with a MemoryError
    assert "MemoryDenyWriteExecute" not in unit(path)
    assert "PrivateDevices" not in unit(path)  # hides the card
    assert "AF_NETLINK" in unit(path)["RestrictAddressFamilies"][0]  # own addresses are asked so


def test_a_stop_leaves_calls_the_time_that_the_settings_give_them() -> None:
    server = unit(ROOT / "deploy/systemd/wardline.service")
    assert int(server["TimeoutStopSec"][0]) * 1000 > Settings().workers.drain_limit_ms
    assert Settings().store.key_credential in server["LoadCredentialEncrypted"]


def test_the_model_hears_only_the_server_and_sees_neither_store_nor_keys() -> None:
    models = unit(ROOT / "deploy/systemd/wardline-models.service")
    assert models["IPAddressDeny"] == ["any"]
    assert models["IPAddressAllow"] == ["localhost"]
    hidden = " ".join(models["InaccessiblePaths"])
    assert "/var/lib/wardline " in hidden
    assert "/etc/wardline/keys" in hidden
    server = unit(ROOT / "deploy/systemd/wardline.service")
    assert models["User"] != server["User"]


def test_the_unit_closes_all_that_the_drop_in_for_other_units_closes() -> None:
    drop_in = unit(ROOT / "deploy/wardline-egress.conf")
    server = unit(ROOT / "deploy/systemd/wardline.service")
    for key, values in drop_in.items():
        for value in values:
            assert any(value in mine for mine in server[key]), (key, value)


def test_what_is_installed_is_what_the_units_name() -> None:
    script = INSTALL.read_text()
    for path in UNITS:
        found = unit(path)
        assert path.name in script
        assert f"account {found['User'][0]}" in script
        for credential in found["LoadCredential"]:
            assert credential.partition(":")[2] in script
        assert found["ExecStart"][0].startswith("/opt/wardline/bin/wardline ")
    for lock in ("runtime", "cuda", "vllm"):
        assert f"$root/requirements/{lock}.lock" in script
        assert (ROOT / f"requirements/{lock}.lock").exists()
