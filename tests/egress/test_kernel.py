"""Level 2 in a network namespace of its own, where a default route leads nowhere and every packet is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.egress.attempts import ATTEMPTS

pytestmark = pytest.mark.wire

ROUTES = (
    "ip link set lo up && ip addr add 10.99.0.1/24 dev lo && ip route add default dev lo"
    " && ip -6 route add default dev lo && "
)
NO_ROUTE = "ip link set lo up && "
RULES = '"$1" -m pipeline.cli egress-rules > rules && nft -f rules && '
TEST = '"$1" -m pipeline.cli egress-test --json'
COUNT = " ; echo ; nft -j list counter inet wardline_egress refused"


def in_namespace(script: str, directory: Path) -> str:
    arguments = [sys.executable, str(directory), str(Path(__file__).parents[2])]
    own = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    done = subprocess.run(
        [*own, "sh", "-c", f'cd "$2" && export PYTHONPATH="$3" && {script}', "sh", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "{" in done.stdout, done.stderr
    return done.stdout


def parsed(said: str) -> tuple[dict[str, Any], int]:
    record, end = json.JSONDecoder().raw_decode(said)
    rest = said[end:].strip()
    packets = 0
    if rest:
        packets = next(
            each["counter"]["packets"] for each in json.loads(rest)["nftables"] if "counter" in each
        )
    return record, packets


def test_with_the_rules_every_way_without_a_guard_is_refused_and_counted(tmp_path: Path) -> None:
    said = in_namespace(ROUTES + RULES + TEST + " --without-guard" + COUNT, tmp_path)
    record, packets = parsed(said)
    assert record["level"] == 2, record
    assert record["tried"] >= 12
    bare = {way["name"]: way["unguarded"] for way in record["ways"]}
    local = {each.name for each in ATTEMPTS if each.local}  # no packet: nothing for these rules
    assert {bare.pop(name) for name in local} == {None}
    assert set(bare.values()) == {"kernel"}
    assert packets >= 12
    assert record["took_ms"] <= 5_000


def test_without_the_rules_packets_leave_unless_the_guard_is_there(tmp_path: Path) -> None:
    record, _ = parsed(in_namespace(ROUTES + TEST, tmp_path))
    assert record["level"] == 1
    assert record["out"] == []
    assert {way["guarded"] for way in record["ways"]} == {"guard"}
    tried = {way["unguarded"] for way in record["ways"] if way["unguarded"]}
    assert "out" in tried
    assert "kernel" not in tried
    assert "can leave this machine without the guard" in record["kernel"]


def test_a_machine_without_a_route_proves_nothing_and_says_so(tmp_path: Path) -> None:
    record, _ = parsed(in_namespace(NO_ROUTE + TEST, tmp_path))
    assert record["level"] == 1
    assert "proves nothing" in record["kernel"]
    assert {way["unguarded"] for way in record["ways"] if way["unguarded"]} <= {
        "no_route",
        "kernel",
    }
    assert {way["guarded"] for way in record["ways"]} == {"guard"}


DOCKERS_RESOLVER = """
import select, socket
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.11", 40053))
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"who is", ("127.0.0.11", 53))
except PermissionError:
    pass
print({True: '{"heard": true}', False: '{"heard": false}'}[bool(select.select([resolver], [], [], 0.5)[0])])
"""
DOCKERS_RULES = (
    "nft add table ip docker && nft 'add chain ip docker output { type nat hook output priority -100; }'"
    " && nft add rule ip docker output ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40053 && "
)
"""A container's queries are led to a port of Docker's choice, behind which it asks in the host's name."""


@pytest.mark.parametrize("rules", [True, False])
def test_dockers_resolver_is_not_heard_though_its_port_is_another(
    tmp_path: Path, rules: bool
) -> None:
    (tmp_path / "resolver.py").write_text(DOCKERS_RESOLVER)
    loaded = RULES if rules else ""
    said = in_namespace(ROUTES + DOCKERS_RULES + loaded + '"$1" resolver.py', tmp_path)
    assert parsed(said)[0] == {"heard": not rules}
