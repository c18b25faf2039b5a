"""Row C10: pass, fail or unknown from made facts; what could not be seen never passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.machine.facts import (
    Block,
    ClockState,
    Cores,
    Firewall,
    Kept,
    KeyPlace,
    Machine,
    Patches,
    Swap,
    Volume,
)
from pipeline.machine.finding import Finding, all_passed
from pipeline.machine.judge import LISTS_AGE_DAYS_MAX, is_sealed, judge

DISK = Block("nvme0n1")
PART = Block("nvme0n1p2", under=("259:0",))
LUKS = Block("dm-0", "CRYPT-LUKS2-0123-root", ("259:2",))
LVM = Block("dm-1", "LVM-abc", ("253:0",))
BLOCKS = {"259:0": DISK, "259:2": PART, "253:0": LUKS, "253:1": LVM}

GOOD = Machine(
    volumes=(Volume("store.directory", "253:1", "ext4"), Volume("state.directory", "", "tmpfs")),
    blocks=BLOCKS,
    remote_data=False,
    swaps=(),
    cores=Cores(0, 0, "core\n", ()),
    firewall=Firewall(12, filters_input=True, legacy=False),
    patches=Patches(0, 0.5, restart_wanted=False, automatic=True),
    clock=ClockState(2026, True, 3.0),
    kept=(Kept("store.key_file", "/k", 0o600, 1000, True), Kept("the folder", "/srv", 0o1777, 0, False)),
    unseen=(),
    uid=1000,
    key=KeyPlace("file", 7, 8, False, False),
    programs=frozenset({"auditd"}),
    loopback_only=True,
)  # fmt: skip


def found(machine: Machine) -> dict[str, Finding]:
    return {finding.name: finding for finding in judge(machine)}


def test_a_good_machine_passes_everywhere() -> None:
    assert {finding.verdict for finding in judge(GOOD)} == {"pass"}
    assert all_passed(judge(GOOD))


def test_unknown_is_no_pass() -> None:
    assert not all_passed(judge(replace(GOOD, firewall=None)))
    assert not all_passed([Finding("x", "unknown", "")])
    assert not all_passed([Finding("x", "fail", "")])
    assert all_passed([Finding("x", "warn", ""), Finding("y", "pass", "")])


@pytest.mark.parametrize(
    ("device", "sealed"),
    [
        ("253:0", True),  # LUKS itself
        ("253:1", True),  # LVM on LUKS
        ("259:2", False),  # a partition of a plain disk
        ("259:0", False),
        ("9:9", None),  # nothing is known of it
        ("", None),
        ("253:5", False),  # LVM over LUKS and a plain disk: half of it is plain
        ("253:6", None),  # LVM over LUKS and something unseen
        ("253:7", False),  # dm-verity checks, it does not encrypt
        ("254:0", True),  # zram is memory
        ("253:8", None),  # a loop in what /sys says ends
    ],
)
def test_a_device_is_sealed_when_all_below_it_goes_through_dm_crypt(
    device: str, sealed: bool | None
) -> None:
    blocks = BLOCKS | {
        "253:5": Block("dm-5", "LVM-x", ("253:0", "259:0")),
        "253:6": Block("dm-6", "LVM-y", ("253:0", "8:1")),
        "253:7": Block("dm-7", "CRYPT-VERITY-z", ("259:0",)),
        "254:0": Block("zram0"),
        "253:8": Block("dm-8", "", ("253:8",)),
    }
    assert is_sealed(device, blocks) is sealed


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "says"),
    [
        ("disk encryption", {"volumes": (Volume("store.directory", "259:2", "ext4"),)}, "fail", "store.directory"),
        ("disk encryption", {"volumes": (Volume("a", "253:1", "ext4"), Volume("log.file", "259:2", "xfs"))}, "fail", "log.file"),
        ("disk encryption", {"volumes": (Volume("store.directory", "", "overlay"),)}, "unknown", "overlay"),
        ("disk encryption", {"volumes": (Volume("store.directory", "", ""),)}, "unknown", "store.directory"),
        ("disk encryption", {"remote_data": True}, "unknown", "database server"),
        ("disk encryption", {"volumes": (Volume("a", "", "fuse.gocryptfs"),)}, "pass", ""),
        ("key apart from data", {"key": KeyPlace("file", 8, 8, False, False)}, "fail", "store.key_file"),
        ("key apart from data", {"key": KeyPlace("credential", 5, 8, False, False)}, "pass", ""),
        ("key apart from data", {"key": KeyPlace("environment", None, 8, False, False)}, "fail", "environment"),
        ("key apart from data", {"key": KeyPlace("command", None, 8, False, False)}, "unknown", "by hand"),
        ("key apart from data", {"key": KeyPlace("file", 8, None, True, False)}, "pass", "another machine"),
        ("key apart from data", {"key": KeyPlace("file", 8, None, True, True)}, "unknown", "database server"),
        ("key apart from data", {"key": KeyPlace("file", None, 8, False, False)}, "unknown", "no key"),
        ("key apart from data", {"key": KeyPlace("file", 8, None, False, False)}, "unknown", "no data"),
        ("swap", {"swaps": None}, "unknown", "swapon"),
        ("swap", {"swaps": (Swap("/dev/sda3", "259:2"),)}, "fail", "/dev/sda3"),
        ("swap", {"swaps": (Swap("/dev/dm-1", "253:1"), Swap("/swap", "259:2"))}, "fail", "/swap"),
        ("swap", {"swaps": (Swap("/dev/dm-1", "253:1"),)}, "pass", ""),
        ("swap", {"swaps": (Swap("/swap", ""),)}, "unknown", "lsblk"),
        ("core dumps", {"cores": Cores(1, 0, "core", ())}, "fail", "kernel"),
        ("core dumps", {"cores": Cores(0, 1, "core", ())}, "fail", "kernel"),
        ("core dumps", {"cores": Cores(0, 0, "|/usr/lib/systemd/systemd-coredump", ("the model's server",))}, "fail", "core_pattern"),
        ("core dumps", {"cores": Cores(0, 0, "|/bin/false\n", ("the model's server",))}, "pass", ""),
        ("core dumps", {"cores": Cores(0, 0, None, ("the model's server",))}, "unknown", "sysctl"),
        ("core dumps", {"cores": Cores(0, 0, None, ())}, "pass", ""),
        ("firewall", {"firewall": None}, "unknown", "sudo nft"),
        ("firewall", {"firewall": Firewall(0, False, False)}, "fail", "http.port"),
        ("firewall", {"firewall": Firewall(0, False, True)}, "unknown", "iptables"),
        ("security patches", {"patches": None}, "unknown", "package manager"),
        ("security patches", {"patches": Patches(None, 0.0, False, False)}, "unknown", "package manager"),
        ("security patches", {"patches": Patches(3, 90.0, False, False)}, "fail", "3 security updates not"),
        ("security patches", {"patches": Patches(1, 0.0, False, True)}, "fail", "1 security update not"),
        ("security patches", {"patches": Patches(0, LISTS_AGE_DAYS_MAX + 1, False, True)}, "unknown", "apt-get update"),
        ("security patches", {"patches": Patches(0, None, False, True)}, "unknown", "apt-get update"),
        ("security patches", {"patches": Patches(0, 0.0, True, True)}, "fail", "restart the machine"),
        ("security patches", {"patches": Patches(0, 0.0, False, False)}, "pass", "unattended-upgrades"),
        ("clock", {"clock": ClockState(1970, True, 0.0)}, "fail", "1970"),
        ("clock", {"clock": ClockState(2026, False, 0.0)}, "fail", "timedatectl"),
        ("clock", {"clock": ClockState(2026, None, 0.0)}, "unknown", "timedatectl"),
        ("intrusion detection", {"programs": frozenset({"bash"})}, "unknown", "risk analysis"),
        ("segmentation", {"loopback_only": False}, "unknown", "network of its own"),
    ],
)  # fmt: skip
def test_each_fact_decides_one_line_that_says_what_to_do(
    name: str, changes: dict[str, object], verdict: str, says: str
) -> None:
    findings = found(replace(GOOD, **changes))  # type: ignore[arg-type]  # each value is of its field's type
    assert findings[name].verdict == verdict
    assert says in findings[name].message
    others = {other.verdict for key, other in findings.items() if key != name}
    assert others == {"pass"}


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (Kept("store.key_file", "/k", 0o640, 1000, True), "mode 0640"),
        (Kept("store.key_file", "/k", 0o604, 1000, True), "chmod go="),
        (Kept("store.key_file", "/k", 0o600, 1001, True), "another user"),
        (Kept("the configuration", "/c", 0o664, 1000, False), "chmod g-w"),
        (Kept("the configuration", "/c", 0o646, 0, False), "chmod o-w"),
        (Kept("the folder", "/srv", 0o777, 0, False), "chmod o-w"),
    ],
)
def test_what_others_may_touch_is_named_with_how_to_mend_it(kept: Kept, says: str) -> None:
    finding = found(replace(GOOD, kept=(*GOOD.kept, kept)))["permissions"]
    assert finding.verdict == "fail"
    assert kept.path in finding.message
    assert says in finding.message


def test_a_file_this_user_may_not_look_at_is_unknown() -> None:
    finding = found(replace(GOOD, unseen=("tls.key",)))["permissions"]
    assert (finding.verdict, "tls.key" in finding.message) == ("unknown", True)


def test_a_long_list_of_faults_stays_a_line() -> None:
    many = tuple(Volume(f"v{number}", "259:0", "ext4") for number in range(40))
    assert "and 36 more" in found(replace(GOOD, volumes=many))["disk encryption"].message
