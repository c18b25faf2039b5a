"""Every setting of the telephone reaches the gateway's rooms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import config
from pipeline.errors import ConfigError
from pipeline.settings import Practice, Settings, Workers
from pipeline.sip.settings import Digest
from pipeline.telephone_settings import Sip, Transfer, Trunk
from pipeline.trunking import rooms, signalling

TRUNK = Trunk(
    name="pbx",
    signalling=("10.0.0.5/32",),
    media=("10.0.0.0/24",),
    transports=("udp",),
    calls_max=3,
    calls_per_s=2,
    shown_number="+12125550100",
    outbound_proxy="10.0.0.5:5070",
    outbound_user="us",
    outbound_secret="0123456789abcdef" * 2,
    transfer="bridge",
)
SETTINGS = Settings(
    sip=Sip(
        tls_port=0,
        udp_port=5060,
        advertised_address="203.0.113.7",
        advertised_udp_port=15_060,
        retry_after_s=33,
        ring_limit_ms=7_000,
        calls_per_s=9,
        numbers=("front-desk +12125550100",),
    ),
    trunk=(TRUNK,),
    workers=Workers(count=2, calls_per_worker=4),
    practice=Practice(emergency_number="112"),
    transfer=Transfer(
        targets=("desk sip:201@10.0.0.5", "nurse sip:202@10.0.0.5"),
        ladder=("desk", "nurse", "callback"),
        busy=("nurse",),
        limit_ms=12_000,
    ),
)


def test_limits_and_what_the_carrier_is_told_are_those_of_the_file() -> None:
    made = signalling(SETTINGS)
    assert (made.advertised_host, made.advertised_ports) == ("203.0.113.7", {"udp": 15_060})
    assert (made.retry_after_s, made.ring_limit_ms, made.transfer_limit_ms) == (33, 7_000, 12_000)
    assert (made.calls_per_s, made.emergency_number) == (9.0, "112")
    assert made.max_calls == 16, "twice the lines: who hears the busy line is in a call too"
    [trunk] = made.trunks
    assert (trunk.max_calls, trunk.calls_per_s) == (3, 2.0)
    assert trunk.shown_number == "+12125550100"
    assert trunk.outbound_proxy == "sip:10.0.0.5:5070;transport=udp"
    assert trunk.digest is None
    assert trunk.outbound_digest == Digest("us", "0123456789abcdef" * 2)
    assert made.own_numbers == {"+12125550100": "front-desk"}


@pytest.mark.wire
async def test_a_trunk_knows_whom_it_may_lead_to_and_how() -> None:
    room = rooms(SETTINGS)["pbx"]
    assert room.bridges
    assert room.targets == {"desk": "sip:201@10.0.0.5", "nurse": "sip:202@10.0.0.5"}
    assert (room.rescue, room.busy) == (("desk", "nurse"), ("nurse",))


@pytest.mark.wire
async def test_a_practice_with_another_gateway_refuses_what_it_cannot_take() -> None:
    refusing = Settings(sip=Sip(tls_port=0, udp_port=5060, when_busy="refuse"), trunk=(TRUNK,))
    assert rooms(refusing)["pbx"].busy is None


@pytest.mark.wire
async def test_a_trunk_with_an_address_and_a_domain_of_its_own_is_told_those() -> None:
    house = Trunk(
        name="house",
        signalling=("10.0.0.6/32",),
        media=("10.0.0.0/24",),
        transports=("udp",),
        srtp="optional",
        advertised_address="10.0.0.2",
        transfer_domain="10.0.0.6",
    )
    carrier = replace(TRUNK, transfer="refer")
    people = Transfer(
        targets=("desk +12125550123",), domain="clinic.pstn.example", ladder=("desk",)
    )
    both = replace(SETTINGS, trunk=(carrier, house), transfer=people)
    assert [each.advertised_host for each in signalling(both).trunks] == ["", "10.0.0.2"]
    made = rooms(both)
    assert made["pbx"].targets == {"desk": "sip:+12125550123@clinic.pstn.example"}
    assert made["house"].targets == {"desk": "sip:+12125550123@10.0.0.6"}
    for name, told in (("pbx", "203.0.113.7"), ("house", "10.0.0.2")):
        leg = made[name].new_leg()
        assert f"c=IN IP4 {told}\r\n".encode() in leg.offer()
        leg.close()


ONE = {
    "name": "one",
    "signalling": ["10.0.0.5/32"],
    "media": ["10.0.0.0/24"],
    "transports": ["udp"],
}
TWO = {**ONE, "name": "two", "signalling": ["10.0.0.6/32"]}


def read(*trunks: dict[str, object], bind: str = "127.0.0.1", domain: str = "") -> Settings:
    people = {"targets": ["desk +12125550123"], "domain": domain}
    sip = {"bind": bind, "udp_port": 5060, "tls_port": 0}
    return config.from_mapping({"sip": sip, "trunk": list(trunks), "transfer": people})


@pytest.mark.parametrize(
    ("trunks", "bind", "domain", "fault"),
    [
        ([{**ONE, "advertised_address": "pbx.example"}], "127.0.0.1", "a.example", "trunk[1].adv"),
        ([{**ONE, "transfer_domain": "sip:x@y"}], "127.0.0.1", "a.example", "trunk[1].transfer_d"),
        (
            [{**ONE, "transfer_domain": "a.example"}, TWO],
            "127.0.0.1",
            "",
            "transfer.domain: needed",
        ),
        (
            [{**ONE, "advertised_address": "10.0.0.2"}, TWO],
            "0.0.0.0",  # noqa: S104  # read, not bound
            "a.example",
            "sip.advertised_address: needed",
        ),
        (
            [{**ONE, "transfer": "bridge", "transfer_domain": "10.0.0.9"}],
            "127.0.0.1",
            "10.0.0.5",
            'trunk[1].transfer: with "bridge" each target',
        ),
    ],
)
def test_an_address_or_a_domain_that_a_trunk_lacks_is_a_fault(
    trunks: list[dict[str, object]], bind: str, domain: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(*trunks, bind=bind, domain=domain)
    assert any(each.startswith(fault) for each in refused.value.faults), refused.value.faults


def test_where_each_trunk_has_its_own_nothing_is_needed_for_all() -> None:
    own: dict[str, object] = {"advertised_address": "10.0.0.2", "transfer_domain": "pbx.example"}
    found = read({**ONE, **own}, {**TWO, **own}, bind="0.0.0.0")  # noqa: S104  # read, not bound
    assert [trunk.transfer_domain for trunk in found.trunk] == ["pbx.example"] * 2
