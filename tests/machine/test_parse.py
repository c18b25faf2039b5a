"""What the kernel and the system's programs print, as they print it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.machine import parse
from pipeline.machine.facts import Firewall

MOUNTINFO = """\
22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw
28 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw
30 28 8:17 / /srv/with\\040space rw shared:2 master:3 - xfs /dev/sdb1 rw
31 28 0:40 /@data /srv/data rw - btrfs /dev/mapper/luks-data rw,subvol=/@data
32 28 0:41 / /srv/data rw - tmpfs tmpfs rw
nonsense
"""


def test_the_mount_of_a_path_is_the_longest_and_the_last() -> None:
    known = parse.mounts(MOUNTINFO)
    assert len(known) == 5

    def of(path: str) -> tuple[str, str] | None:
        mount = parse.mount_of(path, known)
        return (mount.filesystem, mount.source) if mount else None

    assert of("/var/lib") == ("ext4", "/dev/mapper/vg-root")
    assert of("/srv/with space/x") == ("xfs", "/dev/sdb1")
    assert of("/srv/with spaces") == ("ext4", "/dev/mapper/vg-root")
    assert of("/srv/data/x") == ("tmpfs", "tmpfs")
    assert parse.mount_of("/x", []) is None


def test_swaps_are_paths_and_types() -> None:
    text = "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1 partition 1 0 -2\n/swap\\040file file 1 0 -3\n"
    assert parse.swaps(text) == [("/dev/dm-1", "partition"), ("/swap file", "file")]
    assert parse.swaps("Filename\n") == []


def ruleset(*items: dict[str, object]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, *items]})


def chain(hook: str, policy: str = "accept", table: str = "filter") -> dict[str, object]:
    return {
        "chain": {"family": "inet", "table": table, "name": hook, "hook": hook, "policy": policy}
    }


def rule(*expressions: dict[str, object], table: str = "filter") -> dict[str, object]:
    return {"rule": {"family": "inet", "table": table, "chain": "x", "expr": [*expressions]}}


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        (ruleset(), False),
        (ruleset(chain("input")), False),
        (ruleset(chain("input", "drop")), True),
        (ruleset(chain("input"), rule({"match": {}}, {"drop": None})), True),
        (ruleset(chain("input"), rule({"reject": {"type": "tcp reset"}})), True),
        (ruleset(chain("input"), rule({"accept": None})), False),
        (ruleset(chain("output", "drop", "wardline"), rule({"drop": None}, table="wardline")), False),
    ],
)  # fmt: skip
def test_a_firewall_filters_when_an_input_chain_drops_or_refuses(text: str, filters: bool) -> None:
    found = parse.firewall(text, legacy=False)
    assert found is not None
    assert found.filters_input is filters
    assert found.rules == text.count('"rule"')


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nftables": [{"rule": {}}, 3]}', "{" * 9_000])
def test_what_is_no_ruleset_is_not_seen(text: str) -> None:
    assert parse.firewall(text, legacy=True) is None


def test_security_updates_are_counted_by_their_archive() -> None:
    text = (
        "NOTE: This is only a simulation!\n"
        "Inst libssl3 [3.0.1] (3.0.2 Debian-Security:12/oldstable-security [amd64])\n"
        "Inst tzdata [1] (2 Debian:12.15/oldstable [all])\n"
        "Inst curl [7.81] (7.82 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])\n"
        "Conf libssl3 (3.0.2 Debian-Security:12/oldstable-security [amd64])\n"
    )
    assert parse.security_updates(text) == 2
    assert parse.security_updates("") == 0


def test_automatic_updates_are_read_from_apts_settings() -> None:
    assert parse.updates_itself('APT::Periodic "";\nAPT::Periodic::Unattended-Upgrade "1";\n')
    assert not parse.updates_itself('APT::Periodic::Unattended-Upgrade "0";\n')
    assert not parse.updates_itself('APT::Architecture "amd64";\n')


def test_the_folders_above_a_path_end_at_the_root() -> None:
    assert [*parse.parents("/a/b/c")] == ["/a/b", "/a", "/"]
    assert [*parse.parents("/a")] == ["/"]


@given(st.text(max_size=200))
def test_no_text_makes_a_parser_raise(text: str) -> None:
    parse.mounts(text)
    parse.swaps(text)
    parse.firewall(text, legacy=False)
    parse.security_updates(text)
    parse.updates_itself(text)


def test_a_ruleset_keeps_what_is_said_of_the_older_one() -> None:
    assert parse.firewall(ruleset(), legacy=True) == Firewall(0, filters_input=False, legacy=True)
