"""What pages are told of the practice's own TURN server, and what its settings may be."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from pipeline import app, config
from pipeline.egress import places
from pipeline.egress.places import relay_address
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.supervisor.relay import SPARE_S, credentials, ice_servers
from pipeline.transports.ice import allowed_networks, is_allowed

SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"  # noqa: S105  # a test's
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
URL = "turn:10.0.0.5:3478"
LISTED = "turn relay 10.0.0.5 49152-65535/udp"


def configured(url: str = URL, secret: str = SECRET, listed: str = LISTED) -> Settings:
    media = {"turn_url": url, "turn_secret": secret}
    return config.from_mapping({"media": media, "egress": {"destinations": [listed]}})


def test_without_a_relay_pages_are_given_no_ice_server_at_all() -> None:
    assert ice_servers(Settings(), NOW) == []
    assert app._media(Settings()).relay_address == ""


def test_credentials_end_after_the_longest_call_and_prove_who_made_them() -> None:
    settings = configured()
    (server,) = ice_servers(settings, NOW)
    assert server["urls"] == URL
    ends_at_s = int(server["username"])
    lasts_s = ends_at_s - int(NOW.timestamp())
    assert lasts_s == settings.limits.call_limit_ms // 1000 + SPARE_S
    by_hand = hmac.new(SECRET.encode(), server["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(server["credential"]) == by_hand
    assert credentials("another secret of another relay", ends_at_s)[1] != server["credential"]
    assert credentials(SECRET, ends_at_s + 1)[1] != server["credential"]
    assert SECRET not in str(server)


def test_callers_who_come_by_the_relay_are_accepted_and_their_neighbours_are_not() -> None:
    networks = allowed_networks(app._media(configured()))
    assert is_allowed("10.0.0.5", networks)
    assert is_allowed("127.0.0.1", networks)
    assert not is_allowed("10.0.0.6", networks)
    callers = [place.network for place in places.callers(configured(), ["192.0.2.1"])]
    assert [str(network) for network in callers] == ["192.0.2.1/32", "10.0.0.5/32"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("turn:10.0.0.5", "10.0.0.5"),
        ("turn:10.0.0.5:3478?transport=tcp", "10.0.0.5"),
        ("turns:[fd00::5]:5349", "fd00::5"),
    ],
)
def test_a_relay_is_named_by_its_address(url: str, address: str) -> None:
    assert str(relay_address(url)) == address


@pytest.mark.parametrize(
    "url",
    ["turn:relay.example:3478", "stun:10.0.0.5:3478", "turn:10.0.0.500", "turn:", "http://10.0.0.5",
     "turn:user@10.0.0.5", "turn:10.0.0.5:3478?x=y", "turn:10.0.0.5\n"],
)  # fmt: skip
def test_what_is_no_address_of_a_relay_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(url)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["media.turn_url"]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"secret": ""}, "media.turn_secret"),
        ({"secret": "short"}, "media.turn_secret"),
        ({"listed": "turn relay 10.0.0.6 49152-65535/udp"}, "media.turn_url"),
        ({"listed": "carrier relay 10.0.0.5 49152-65535/udp"}, "media.turn_url"),
    ],
)
def test_a_relay_needs_its_secret_and_to_be_listed(settings: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(**settings)
    assert key in {fault.partition(":")[0] for fault in caught.value.faults}


def test_a_relay_on_this_machine_needs_no_listing() -> None:
    media = {"turn_url": URL, "turn_secret": SECRET, "media_addresses": ["10.0.0.5"]}
    assert config.from_mapping({"media": media}).media.turn_url == URL
    media = {"turn_url": "turn:127.0.0.1:3478", "turn_secret": SECRET}
    assert config.from_mapping({"media": media}).media.turn_url
