"""The list of places: addresses only, and every reader of it says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import config
from pipeline.egress.flow import flows, mermaid, sub_processors, text
from pipeline.egress.places import allowed, fault, listed, parse, trunks
from pipeline.egress.rules import is_user, nftables, systemd
from pipeline.errors import ConfigError

CARRIER = "carrier Example-Telecom 203.0.113.0/30 5060-5061/tcp"
RELAY = "turn Clinic-Relay 2001:db8::5 3478/udp"


@pytest.mark.parametrize(
    ("host", "port", "inside"),
    [
        ("203.0.113.1", 5061, True),
        ("203.0.113.1", 5062, False),
        ("203.0.113.4", 5061, False),
        ("::ffff:203.0.113.1", 5060, True),
        ("carrier.example", 5060, False),
        ("", 5060, False),
    ],
)
def test_a_place_covers_its_addresses_and_ports_only(host: str, port: int, inside: bool) -> None:
    assert parse(CARRIER).covers(host, port) is inside


@pytest.mark.parametrize(
    "line",
    [
        "",
        "carrier",
        "carrier Example sip.example.com 5061/tcp",  # a name would have to be asked for
        "friend Example 203.0.113.1 1/tcp",
        "carrier Example 203.0.113.1 0/tcp",
        "carrier Example 203.0.113.1 70000/tcp",
        "carrier Example 203.0.113.1 10-2/udp",
        "carrier Example 203.0.113.1 5061/sctp",
        "carrier Example 203.0.113.1/8 5061/tcp",
        "carrier Example 0.0.0.0/0 5061/tcp",
        'carrier Ex"ample 203.0.113.1 5061/tcp',
    ],
)
def test_a_line_that_lists_no_place_is_a_fault_with_what_to_write(line: str) -> None:
    assert "an address, not a name" in fault(line)
    if line:
        with pytest.raises(ConfigError, match=r"egress\.destinations"):
            config.from_mapping({"egress": {"destinations": [line]}})


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_a_fault(line: str) -> None:
    try:
        parse(line)
    except ValueError:
        assert fault(line)
    else:
        assert not fault(line)


def test_callers_are_the_configured_networks_or_this_machines_own_addresses() -> None:
    given_ = config.from_mapping({"media": {"allowed_networks": ["10.0.0.0/8"]}})
    own = ["192.0.2.9"]
    assert [str(p.network) for p in allowed(given_, own) if p.kind == "callers"] == ["10.0.0.0/8"]
    bare = allowed(config.from_mapping({}), own)
    assert [str(p.network) for p in bare if p.kind == "callers"] == ["192.0.2.9/32"]


def test_what_is_listed_stands_in_the_rules_the_page_and_the_diagram_and_nothing_else_does() -> (
    None
):
    with_both = config.from_mapping({"egress": {"destinations": [CARRIER, RELAY]}})
    none = config.from_mapping({})
    assert len(listed(with_both)) == 2
    rules = nftables(allowed(with_both, ()))
    assert "ip daddr 203.0.113.0/30 tcp dport 5060-5061 accept" in rules
    assert "ip6 daddr 2001:db8::5/128 udp dport 3478-3478 accept" in rules
    assert "203.0.113" not in nftables(allowed(none, ()))
    assert {party.name for party in sub_processors(with_both)} == {
        "Example-Telecom",
        "Clinic-Relay",
    }
    for page in (text(with_both), mermaid(with_both)):
        assert "Example-Telecom" in page
        assert "Clinic-Relay" in page
        assert "Example-Telecom" not in page.replace("Example-Telecom", "")
    assert "Telecom" not in text(none) + mermaid(none)
    assert "nobody but the caller and the practice takes part" in text(none)


def test_a_drop_in_for_systemd_holds_each_listed_network_once_and_nothing_else() -> None:
    media = {"allowed_networks": ["10.0.0.0/8", "2001:db8::/32"]}
    settings = config.from_mapping({"media": media, "egress": {"destinations": [CARRIER, RELAY]}})
    lines = systemd(allowed(settings, ())).splitlines()
    assert "IPAddressDeny=any" in lines
    found = [line.partition("=")[2] for line in lines if line.startswith("IPAddressAllow=")]
    assert sorted(found) == sorted(
        ["localhost", "10.0.0.0/8", "2001:db8::/32", "203.0.113.0/30", "2001:db8::5/128"]
    )


def test_the_webhooks_networks_and_the_databases_address_are_places_too() -> None:
    settings = config.from_mapping(
        {
            "webhook": {
                "url": "https://desk.example/hook",
                "addresses": ["203.0.113.0/30"],
                "secret": "q7Rk2mZx" * 4,
            },
            "store": {"url": "postgresql://198.51.100.7:5433/wardline"},
        }
    )
    clinic, store = listed(settings)
    assert clinic.covers("203.0.113.2", 443)
    assert not clinic.covers("203.0.113.2", 80)
    assert not clinic.covers("203.0.113.9", 443)
    assert store.covers("198.51.100.7", 5433)
    assert not store.covers("198.51.100.7", 5432)
    rules = nftables(allowed(settings, ()))
    assert "ip daddr 203.0.113.0/30 tcp dport 443-443 accept" in rules
    assert "ip daddr 198.51.100.7/32 tcp dport 5433-5433 accept" in rules


@pytest.mark.parametrize("url", ["", "postgresql://127.0.0.1:5432/wardline"])
def test_a_store_on_this_machine_needs_no_place(url: str) -> None:
    assert listed(config.from_mapping({"store": {"url": url}})) == ()


def test_a_model_beside_the_server_and_a_proxy_are_on_the_page() -> None:
    settings = config.from_mapping(
        {
            "engines": {"llm": "openai", "llm_url": "http://127.0.0.1:8000/v1", "llm_model": "m"},
            "http": {"trusted_proxies": ["10.1.0.0/16"]},
        }
    )
    assert "http://127.0.0.1:8000/v1" in text(settings)
    assert [party.kind for party in sub_processors(settings)] == ["proxy"]


def test_a_model_on_a_listed_private_address_is_a_place_with_its_port_alone() -> None:
    engines = {
        "llm": "openai",
        "llm_url": "https://10.20.0.5:8443/v1",
        "llm_more_urls": ["http://127.0.0.1:8000/v1", "https://10.20.0.6/v1"],
        "llm_addresses": ["10.20.0.4/30"],
        "llm_model": "m",
    }
    settings = config.from_mapping({"engines": engines})
    places = listed(settings)
    assert {place.kind for place in places} == {"model"}
    assert any(place.covers("10.20.0.5", 8443) for place in places)
    assert any(place.covers("10.20.0.6", 443) for place in places)
    assert not any(place.covers("10.20.0.5", 22) for place in places)
    assert not any(place.covers("10.20.1.5", 8443) for place in places)
    page = text(settings)
    assert "https://10.20.0.5:8443/v1: words of the call (HTTPS in the practice's network)" in page
    assert "http://127.0.0.1:8000/v1: words of the call (HTTP on loopback)" in page
    assert listed(config.from_mapping({"engines": {**engines, "llm": "scripted"}})) == ()


def test_a_diagram_is_closed_whatever_the_settings_hold() -> None:
    settings = config.from_mapping({"log": {"file": '/var/log/a"]; b[x.jsonl'}})
    drawn = mermaid(settings)
    assert drawn.count('"') % 2 == 0
    assert "];" not in drawn
    known = {line.split("[")[0].split("(")[0].strip() for line in drawn.splitlines()[2:]}
    assert all(
        line.split(" -- ")[0].strip() in known and line.split("--> ")[1] in known
        for line in drawn.splitlines()
        if " -- " in line
    )


def test_every_flow_names_a_setting_that_exists() -> None:
    settings = config.from_mapping({"egress": {"destinations": [CARRIER]}})
    keys = {key for key, _ in config.masked(settings)}
    for flow in flows(settings):
        assert any(key == flow.setting or key.startswith(flow.setting + ".") for key in keys)


@pytest.mark.parametrize("name", ["", "a b", 'a"', "Root", "x" * 40])
def test_a_user_name_that_would_break_the_rules_is_refused(name: str) -> None:
    assert not is_user(name)
    assert is_user("wardline")


TRUNK: dict[str, object] = {
    "name": "Twilio",
    "signalling": ["203.0.113.0/30"],
    "media": ["198.51.100.0/24"],
    "transports": ["tls", "udp"],
}
TELEPHONE: dict[str, object] = {"sip": {"tls_port": 0, "udp_port": 5060}, "trunk": [TRUNK]}


def test_the_gateway_may_speak_to_its_trunks_and_to_nobody_else() -> None:
    found = trunks(config.from_mapping(TELEPHONE))
    assert [(str(p.network), p.transport, p.own_ports) for p in found] == [
        ("203.0.113.0/30", "tcp", None),
        ("203.0.113.0/30", "udp", (5060, 5060)),
        ("198.51.100.0/24", "udp", (24_000, 24_999)),
    ]
    assert trunks(config.from_mapping({})) == ()


def test_a_trunk_is_in_the_kernels_rules_and_in_the_data_flow() -> None:
    settings = config.from_mapping(TELEPHONE)
    rules = nftables((*allowed(settings, ()), *trunks(settings)))
    assert "ip daddr 203.0.113.0/30 tcp dport 1-65535 accept" in rules
    assert "ip daddr 203.0.113.0/30 udp sport 5060-5060 accept" in rules
    assert "ip daddr 198.51.100.0/24 udp sport 24000-24999 accept" in rules
    keys = {key.replace("[1]", "") for key, _ in config.masked(settings)}
    for flow in flows(settings):
        assert any(key == flow.setting or key.startswith(flow.setting + ".") for key in keys)
    assert any(flow.source == "Telephone gateway" and flow.outside for flow in flows(settings))
    assert [party.name for party in sub_processors(settings)] == ["Twilio"]
    assert "telephone calls are not configured" not in text(settings)
