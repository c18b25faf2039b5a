"""What an edge needs to be told, and what it may not be."""

from __future__ import annotations

from dataclasses import replace

from pipeline.edge.kamailio import kamailio_files
from pipeline.edge.plan import EdgePlan, Gateway, Trunk, faults
from pipeline.edge.rtpengine import rtpengine_conf

WHOLE = EdgePlan(
    bind="198.51.100.7",
    advertised="203.0.113.7",
    inner="10.20.0.2",
    tls_port=5061,
    cert="/etc/edge/cert.pem",
    key="/etc/edge/key.pem",
    ca="/etc/edge/ca.pem",
    trunks=(Trunk("carrier", ("192.0.2.0/30", "2001:db8::/64"), ("192.0.2.128/25",)),),
    gateways=(Gateway("10.20.0.11", 5061), Gateway("10.20.0.12", 5061)),
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


def test_an_edge_speaks_openly_to_this_machine_alone() -> None:
    away = replace(WHOLE, gateways=(Gateway("10.20.0.11", 5060, "udp"),))
    here = replace(WHOLE, gateways=(Gateway("127.0.0.1", 5060, "udp"),))
    assert len(faults(away)) == 1
    assert faults(here) == []


def test_every_listed_network_and_gateway_is_let_in_and_nothing_else() -> None:
    lines = kamailio_files(WHOLE, "/etc/edge")["address.list"].splitlines()[1:]
    assert lines == [
        "1 192.0.2.0 30", "1 2001:db8:: 64", "2 10.20.0.11 32", "2 10.20.0.12 32",
    ]  # fmt: skip


def test_calls_go_to_the_gateways_in_order_and_encrypted() -> None:
    lines = kamailio_files(WHOLE, "/etc/edge")["dispatcher.list"].splitlines()[1:]
    assert lines == [
        "1 sip:10.20.0.11:5061;transport=tls 8", "1 sip:10.20.0.12:5061;transport=tls 8",
    ]  # fmt: skip


def test_the_carrier_is_told_the_address_it_can_reach() -> None:
    assert (
        "listen=tls:198.51.100.7:5061 advertise 203.0.113.7:5061"
        in kamailio_files(WHOLE, "/")["kamailio.cfg"]
    )
    assert "interface = 198.51.100.7!203.0.113.7" in rtpengine_conf(WHOLE)


def test_a_gateway_s_certificate_is_checked_where_an_authority_is_named() -> None:
    assert (
        "verify_certificate = yes\nca_list = /etc/edge/ca.pem"
        in kamailio_files(WHOLE, "/")["tls.cfg"]
    )
