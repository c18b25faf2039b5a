"""What an edge needs to be told, and what it may not be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.edge.kamailio import kamailio_files
from pipeline.edge.nftables import nftables
from pipeline.edge.plan import EdgeGateway, EdgePlan, EdgeTrunk, faults
from pipeline.edge.rtpengine import rtpengine_conf
from pipeline.telephone_settings import Sip

WHOLE = EdgePlan(
    bind="198.51.100.7",
    advertised="203.0.113.7",
    inner="10.20.0.2",
    tls_port=5061,
    cert="/etc/edge/cert.pem",
    key="/etc/edge/key.pem",
    gateway_ca="/etc/edge/ca.pem",
    carrier_ca="",
    trunks=(EdgeTrunk("carrier", ("192.0.2.0/30", "2001:db8::/64"), ("192.0.2.128/25",)),),
    gateways=(EdgeGateway("10.20.0.11", 5061), EdgeGateway("10.20.0.12", 5061)),
    media_port_min=30_000,
    media_port_max=39_999,
    calls_per_second=10,
)


def test_a_whole_plan_has_no_fault() -> None:
    assert faults(WHOLE) == []


def test_every_fault_is_named_at_once() -> None:
    bare = replace(
        WHOLE, trunks=(), bind="", gateways=(), cert="", media_port_min=9, media_port_max=9
    )
    assert len(faults(bare)) == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gateway_ca": ""}, "edge.gateway_ca_file"),
        ({"gateways": (EdgeGateway("192.0.2.1", 5061),)}, "trunk carrier's signalling networks"),
        ({"gateways": (EdgeGateway("fd00::11", 5061),)}, "cannot be reached from 10.20.0.2"),
    ],
)
def test_gateways_that_could_be_somebody_else_are_refused(
    change: dict[str, Any], words: str
) -> None:
    [fault] = faults(replace(WHOLE, **change))
    assert words in fault


def test_gateways_on_this_machine_need_no_authority() -> None:
    here = replace(
        WHOLE, gateway_ca="", inner="127.0.0.1", gateways=(EdgeGateway("127.0.0.1", 5071),)
    )
    assert faults(here) == []
    assert "ca_list = \n" not in kamailio_files(here, "/")["tls.cfg"]


def test_every_listed_network_and_gateway_is_let_in_and_nothing_else() -> None:
    lines = kamailio_files(WHOLE, "/etc/edge")["address.list"].splitlines()[1:]
    assert lines == [
        "10 192.0.2.0 30", "10 2001:db8:: 64", "1 10.20.0.11 32", "1 10.20.0.12 32",
    ]  # fmt: skip


def test_calls_go_to_the_gateways_in_order_and_encrypted() -> None:
    lines = kamailio_files(WHOLE, "/etc/edge")["dispatcher.list"].splitlines()[1:]
    assert lines == [
        "1 sip:10.20.0.11:5061;transport=tls 8 0 socket=tls:10.20.0.2:5061",
        "1 sip:10.20.0.12:5061;transport=tls 8 0 socket=tls:10.20.0.2:5061",
    ]  # fmt: skip


def test_each_side_is_told_the_address_it_can_reach() -> None:
    script = kamailio_files(WHOLE, "/")["kamailio.cfg"]
    assert "listen=tls:198.51.100.7:5061 advertise 203.0.113.7:5061\n" in script
    assert "listen=tls:10.20.0.2:5061\n" in script
    assert "interface = outer/198.51.100.7!203.0.113.7;inner/10.20.0.2" in rtpengine_conf(WHOLE)


def test_an_edge_with_one_address_has_two_doors() -> None:
    one = replace(WHOLE, inner=WHOLE.bind)
    script = kamailio_files(one, "/")["kamailio.cfg"]
    assert "listen=tls:198.51.100.7:5062\n" in script
    assert "socket=tls:198.51.100.7:5062" in kamailio_files(one, "/")["dispatcher.list"]


def test_the_edge_listens_over_tls_alone() -> None:
    script = kamailio_files(WHOLE, "/")["kamailio.cfg"]
    doors = [line for line in script.splitlines() if line.startswith("listen=")]
    assert len(doors) == 2
    assert all(door.startswith("listen=tls:") for door in doors)


def test_a_carrier_is_judged_by_its_authorities_and_a_gateway_by_ours() -> None:
    domains = kamailio_files(WHOLE, "/")["tls.cfg"].split("\n\n")
    by_name = {domain.partition("\n")[0]: domain for domain in domains}
    assert (
        "verify_certificate = yes\nca_list = /etc/edge/ca.pem" in by_name["[client:10.20.0.2:5061]"]
    )
    carriers = "verify_certificate = yes\nca_list = /etc/ssl/certs/ca-certificates.crt"
    assert carriers in by_name["[client:default]"]
    own = kamailio_files(replace(WHOLE, carrier_ca="/etc/edge/theirs.pem"), "/")["tls.cfg"]
    assert "ca_list = /etc/edge/theirs.pem" in own


def test_the_edge_waits_and_relays_for_as_long_as_a_gateway_may_be_told_to() -> None:
    longest_ms = {field.name: field.metadata.get("high", 0) for field in fields(Sip)}
    script = kamailio_files(WHOLE, "/")["kamailio.cfg"]
    [ring_ms] = re.findall(r'"fr_inv_timer", ([0-9]+)', script)
    [call_s] = re.findall(r'"default_timeout", ([0-9]+)', script)
    [sound_s] = re.findall(r"final-timeout = ([0-9]+)", rtpengine_conf(WHOLE))
    assert int(ring_ms) > longest_ms["ring_limit_ms"]
    assert 1000 * int(call_s) > longest_ms["call_limit_ms"]
    assert sound_s == call_s, "no call goes on without its sound"


RULES = """
import socket, sys
ends = {}
for own in ("127.0.0.5", "127.0.0.6"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        there.bind(("127.0.0.1", 30000)); here.bind((own, 0)); there.settimeout(1)
        here.sendto(b"x", there.getsockname())
        try:
            there.recv(9); print(own, "heard")
        except TimeoutError:
            print(own, "dropped")
"""


@pytest.mark.wire
def test_the_kernels_rules_let_listed_media_in_and_nobody_else(tmp_path: Path) -> None:
    """In a network namespace of its own; loaded twice, as after a change."""
    nearby = EdgeTrunk(
        "nearby", ("127.0.0.5/32", "127.0.0.4/31"), ("127.0.0.5/32", "2001:db8::/64")
    )
    rules, script = tmp_path / "edge.nft", tmp_path / "look.py"
    rules.write_text(nftables(replace(WHOLE, trunks=(nearby,))))
    script.write_text(RULES)
    own = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    inside = 'ip link set lo up && nft -f "$1" && nft -f "$1" && exec "$2" "$3"'
    done = subprocess.run(
        [*own, "sh", "-c", inside, "sh", str(rules), sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["127.0.0.5 heard", "127.0.0.6 dropped"], done.stderr
