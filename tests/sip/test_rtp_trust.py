"""Who may be heard on a call, and under which key: strangers, replayed packets, new keys, new addresses."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from pipeline.media.g711 import ulaw_encode
from pipeline.sip.paths import Endpoint
from pipeline.sip.ports import MediaRefused
from tests.sip.far_end import (
    FAR,
    FRAME,
    HOST,
    KEY,
    OTHER_KEY,
    Call,
    FarEnd,
    call,
    key_of,
    sdp,
    speak,
    tone,
)

STRANGER = ("198.51.100.66", 11_000)


def sound_goes_to(made: Call) -> Endpoint:
    """Where the last packet of sound went; a report, which goes elsewhere, may have been due after it."""
    return [each for each in made.wire.sent if not each.rtcp][-1].to


async def test_a_stranger_is_neither_heard_nor_answered() -> None:
    made = call()
    await speak(made.far, tone(200.0))
    stranger = FarEnd(made.wire, ssrc=0x6666)
    stranger.address = STRANGER
    await speak(stranger, tone(500.0))
    assert made.leg.figures.packets_received == 10
    assert made.leg.figures.foreign == 25
    assert made.taker.foreign == 1  # told once
    assert {each.to for each in made.wire.sent if not each.rtcp} == {FAR}
    made.leg.close()


async def test_only_listed_networks_are_heard_when_there_is_a_list() -> None:
    made = call(allowed_sources=("203.0.113.0/24",))
    await speak(made.far, tone(200.0))
    assert made.leg.figures.packets_received == 0
    assert made.wire.sent == [], "the address of the SDP is not one of theirs"
    made.far.address = ("203.0.113.9", 4_444)
    await speak(made.far, tone(200.0))
    assert made.leg.figures.packets_received == 10
    assert {each.to for each in made.wire.sent if not each.rtcp} == {("203.0.113.9", 4_444)}
    made.leg.close()


async def test_plain_sound_stays_with_the_port_that_spoke_first() -> None:
    made = call()
    await speak(made.far, tone(200.0))
    second = FarEnd(made.wire, ssrc=0x7777)
    second.address = (HOST, 22_222)
    second.arrive(second.packet(b"\xff" * FRAME))
    assert made.leg.figures.foreign == 1
    await asyncio.sleep(1.5)
    await speak(second, tone(200.0))
    assert made.leg.figures.packets_received == 20
    assert sound_goes_to(made) == second.address
    made.leg.close()


async def test_srtp_is_proven_before_anybody_is_believed() -> None:
    made = call(key=KEY)
    plain, wrong = FarEnd(made.wire), FarEnd(made.wire, key=OTHER_KEY)
    for each in (plain, wrong):
        each.address = STRANGER
        await speak(each, tone(200.0))
    assert made.leg.figures.packets_received == 0
    assert made.leg.figures.refused == 20
    assert {each.to for each in made.wire.sent if not each.rtcp} == {FAR}
    made.far.address = ("198.51.100.4", 5_000)
    await speak(made.far, tone(200.0))
    assert made.leg.figures.packets_received == 10
    assert sound_goes_to(made) == made.far.address
    made.leg.close()


async def test_a_replayed_packet_is_refused_and_moves_nothing() -> None:
    made = call(key=KEY)
    kept = [made.far.packet(ulaw_encode(tone(20.0))) for _ in range(20)]
    for data in kept:
        made.far.arrive(data)
        await asyncio.sleep(0.020)
    for data in kept:
        made.far.arrive(data, STRANGER)
    assert made.leg.figures.refused == 20
    await asyncio.sleep(0.1)
    assert sound_goes_to(made) == FAR
    made.leg.close()


async def test_what_we_send_is_protected() -> None:
    made = call(key=KEY)
    made.leg.play(tone(100.0).tobytes())
    await asyncio.sleep(0.2)
    assert len(made.packets) == pytest.approx(10, abs=1)
    assert all(len(each.data) == 12 + FRAME + 10 for each in made.wire.sent if not each.rtcp)
    made.leg.close()


async def test_a_new_key_in_a_later_offer_is_used_both_ways_without_a_gap() -> None:
    made = call(key=KEY)
    await speak(made.far, tone(400.0))
    old, first_key = made.far, made.our_key
    answer = made.leg.answer(sdp(key=OTHER_KEY))
    made.our_key = key_of(answer)
    assert made.our_key != first_key
    await speak(old, tone(60.0))  # still in flight
    made.wire.sent.clear()
    new = FarEnd(made.wire, key=OTHER_KEY)
    new.sequence, new.timestamp = old.sequence, old.timestamp
    await speak(new, tone(400.0))
    figures = made.leg.figures
    assert (figures.refused, figures.lost, figures.packets_received) == (0, 0, 43)
    assert len(made.packets) == pytest.approx(20, abs=1), "sent under the new key"
    await asyncio.sleep(2.1)
    old.sequence, old.timestamp = new.sequence, new.timestamp
    old.arrive(old.packet(b"\xff" * FRAME))
    new.arrive(new.packet(b"\xff" * FRAME))
    assert made.leg.figures.refused == 1, "the old key is void"
    made.leg.close()


async def test_a_key_is_good_for_its_lifetime_only() -> None:
    made = call(key=KEY)
    key = b64encode(OTHER_KEY)
    made.leg.answer(sdp(key=OTHER_KEY).replace(key, key + b"|2^4"))
    far = FarEnd(made.wire, key=OTHER_KEY)
    await speak(far, tone(600.0))
    assert made.leg.figures.packets_received == 16
    assert made.leg.figures.refused == 14
    made.leg.close()


async def test_a_new_address_in_a_later_offer_is_where_we_send() -> None:
    made = call()
    await speak(made.far, tone(100.0))
    made.leg.answer(sdp(key=None, address="192.0.2.200", port=30_000))
    made.wire.sent.clear()
    await asyncio.sleep(0.1)
    assert {each.to for each in made.wire.sent if not each.rtcp} == {("192.0.2.200", 30_000)}
    made.far.address = ("192.0.2.200", 30_000)
    await speak(made.far, tone(100.0))
    assert made.leg.figures.packets_received == 10
    made.leg.close()


async def test_a_refused_offer_changes_nothing() -> None:
    made = call(key=KEY)
    with pytest.raises(MediaRefused):
        made.leg.answer(sdp(key=None))
    await speak(made.far, tone(100.0))
    assert made.leg.figures.packets_received == 5
    made.leg.close()


async def test_a_flood_is_not_decoded() -> None:
    made = call()
    for _ in range(2_000):
        made.far.arrive(made.far.packet(b"\xff" * FRAME))
    assert made.leg.figures.packets_received <= 151
    made.leg.close()
