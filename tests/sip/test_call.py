"""A call from ring to BYE, as a calculation on a virtual clock."""

from __future__ import annotations

import pytest

from pipeline.sip.ports import CallOver, MediaRefused
from tests.sip.rig import ANSWER, OFFER, TLS, FakeMedia, Rig, settings
from tests.sip.shapes import CALLED, CALLER, SDP, Peer, reply_to

ROUTES = ("<sip:127.0.0.1:5061;transport=tls;r2=on;lr>", "<sip:127.0.0.1;r2=on;lr>")


def test_a_call_rings_is_answered_and_ends_when_the_caller_hangs_up() -> None:
    rig, peer = Rig(), Peer()
    ringing = rig.ring(peer)
    assert ringing.body == b""
    ok = rig.answer(peer)
    assert ok.body == ANSWER
    assert ok.one("Content-Type") == "application/sdp"
    assert ok.to_tag == ringing.to_tag
    assert rig.media.offers == [SDP.encode()]
    rig.hear(peer.ack())
    [bye_ok] = rig.hear(peer.request("BYE"))
    assert bye_ok.status == 200
    assert rig.heard[0].over == ["caller"]
    rig.wait(40_000)
    assert rig.empty


def test_who_calls_is_told_in_fields_and_in_nothing_else() -> None:
    rig = Rig()
    peer = Peer(
        extra=("X-Twilio-CallSid: CA0123abc", f"Diversion: <sip:{CALLED}@x.example>;reason=no")
    )
    rig.ring(peer)
    invite = rig.calls[0].invite
    assert (invite.caller, invite.called, invite.diverted_from) == (CALLER, CALLED, CALLED)
    assert invite.carrier_call == "CA0123abc"
    assert CALLER not in repr(invite) + repr(rig.calls[0]) + repr(rig.calls[0].transaction.request)


def test_record_routes_are_copied_in_order_and_the_route_set_is_not_reversed() -> None:
    """Defects 1 and 2 of the library: without this the ACK bypasses the carrier's proxy and the call drops at 32 s."""
    rig, peer = Rig(path=TLS), Peer(transport="TLS", record_routes=ROUTES)
    ringing = rig.ring(peer)
    ok = rig.answer(peer)
    assert ringing.all("Record-Route") == ok.all("Record-Route") == list(ROUTES)
    rig.hear(peer.ack())
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    assert bye.all("Route") == list(ROUTES)
    assert bye.line.split(" ")[1] == f"sip:{CALLER}@127.0.0.1:5060"
    hop = rig.ways[-1].hop
    assert hop is not None
    assert (hop.transport, hop.host, hop.port) == ("tls", "127.0.0.1", 5061)


def test_a_repeated_invite_rings_once_and_is_answered_again() -> None:
    """Defect 4."""
    rig, peer = Rig(), Peer()
    invite = peer.invite()
    for _ in range(4):
        [ringing] = rig.hear(invite)
        assert ringing.status == 180
    assert len(rig.calls) == 1


def test_a_2xx_is_said_again_until_its_ack_comes_on_streams_too() -> None:
    for path in (Rig().path, TLS):
        rig, peer = Rig(path=path), Peer()
        rig.ring(peer)
        rig.answer(peer)
        times = [rig.now_ms for _ in range(100) if rig.wait(100)]
        assert times == [500, 1_500, 3_500, 7_500]
        rig.hear(peer.ack())
        assert rig.wait(20_000) == []
        assert rig.hear(peer.ack()) == []


def test_without_an_ack_the_call_ends_with_bye_at_32_seconds_and_nothing_is_left_at_40() -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer)
    rig.answer(peer)
    assert all(one.status == 200 for one in rig.wait(31_900))
    assert rig.heard[0].over == []
    byes = rig.wait(100)
    assert [one.method for one in byes] == ["BYE"]
    assert rig.heard[0].over == ["lost"]
    assert {one.method for one in rig.wait(8_000)} == {"BYE"}
    assert rig.empty
    assert rig.exchange.admission.calls == 0


def test_an_invite_without_sdp_is_answered_with_an_offer_and_the_ack_brings_the_answer() -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer, "")
    assert rig.answer(peer).body == OFFER
    rig.hear(peer.ack("v=0\r\ntheirs\r\n"))
    assert rig.media.answers == [b"v=0\r\ntheirs\r\n"]
    assert rig.heard[0].up == 1


@pytest.mark.parametrize("body", ["", "v=0\r\nrefused\r\n"])
def test_an_ack_without_an_answer_we_can_take_ends_the_call(body: str) -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer, "")
    media = FakeMedia(refuses="no_codec")
    rig.answer(peer, media)
    [bye] = rig.hear(peer.ack(body))
    assert bye.method == "BYE"
    assert rig.heard[0].refused == ["no_codec" if body else "no_answer"]
    assert rig.heard[0].over == ["us"]


def test_media_that_refuse_the_offer_answer_488() -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer)
    with pytest.raises(MediaRefused):
        rig.calls[0].accept(FakeMedia(refuses="srtp_required"))
    [refused] = rig.taken()
    assert refused.status == 488
    rig.hear(peer.ack(refused=True))
    rig.wait(5_000)
    assert rig.empty


def test_cancel_before_the_answer_gives_487_and_the_call_cannot_be_accepted() -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer)
    ok, terminated = rig.hear(peer.cancel())
    assert (ok.status, ok.one("CSeq").split(" ")[1]) == (200, "CANCEL")
    assert (terminated.status, terminated.one("CSeq").split(" ")[1]) == (487, "INVITE")
    assert ok.to_tag == terminated.to_tag
    assert rig.heard[0].over == ["caller"]
    with pytest.raises(CallOver):
        rig.calls[0].accept(rig.media)
    rig.hear(peer.ack(refused=True))
    rig.wait(40_000)
    assert rig.empty


def test_cancel_after_the_answer_changes_nothing() -> None:
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    [ok] = rig.hear(peer.cancel())
    assert ok.status == 200
    assert rig.heard[0].over == []


def test_cancel_of_nothing_gives_481() -> None:
    rig, peer = Rig(), Peer()
    peer.invite()
    [refused] = rig.hear(peer.cancel())
    assert refused.status == 481


def test_a_refusal_is_said_again_until_its_ack_over_udp_and_once_over_tls() -> None:
    for path, times in ((Rig().path, 4), (TLS, 0)):
        rig, peer = Rig(path=path), Peer()
        rig.ring(peer)
        rig.calls[0].reject(486)
        assert [one.status for one in rig.taken()] == [486]
        assert len(rig.wait(10_000)) == times
        rig.hear(peer.ack(refused=True))
        assert rig.wait(30_000) == []
        assert rig.empty


def test_we_hang_up_with_bye_once_and_the_dialog_is_forgotten_with_its_answer() -> None:
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    rig.calls[0].hang_up()
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    assert bye.method == "BYE"
    assert bye.one("To").endswith(f";tag={peer.from_tag}")
    assert bye.one("From").endswith(f";tag={peer.to_tag}")
    assert bye.one("CSeq") == "1 BYE"
    assert rig.heard[0].over == ["us"]
    assert rig.exchange.calls == 1
    rig.hear(reply_to(bye, 200))
    assert rig.exchange.calls == 0


def test_bye_is_repeated_over_udp_until_it_is_answered() -> None:
    """Defect 9."""
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    rig.calls[0].hang_up()
    rig.taken()
    assert {one.method for one in rig.wait(10_000)} == {"BYE"}
    rig.wait(30_000)
    assert rig.exchange.calls == 0


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    """RFC 3261 section 15: no BYE on a dialog whose ACK is still on its way."""
    rig, peer = Rig(), Peer()
    rig.ring(peer)
    rig.answer(peer)
    rig.calls[0].hang_up()
    assert rig.taken() == []
    assert rig.heard[0].over == ["us"]
    [bye] = rig.hear(peer.ack())
    assert bye.method == "BYE"
    assert rig.heard[0].up == 0


def test_both_hang_up_at_once_and_both_are_answered() -> None:
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    [ok] = rig.hear(peer.request("BYE"))
    assert ok.status == 200
    rig.hear(reply_to(bye, 200))
    assert rig.exchange.calls == 0
    assert rig.heard[0].over == ["us"]


def test_a_call_nobody_answers_ends_at_the_ring_limit() -> None:
    rig, peer = Rig(settings(ring_limit_ms=20_000.0)), Peer()
    rig.ring(peer)
    [refused] = rig.wait(20_000)
    assert (refused.status, refused.one("Retry-After")) == (503, "10")
    assert rig.heard[0].over == ["timeout"]


def test_a_call_that_never_ends_is_ended_at_its_limit() -> None:
    rig, peer = Rig(settings(call_limit_ms=600_000.0)), Peer()
    rig.talk(peer)
    assert rig.wait(599_000) == []
    assert [one.method for one in rig.wait(2_000)][:1] == ["BYE"]
    assert rig.heard[0].over == ["limit"]


def test_a_caller_whom_a_person_has_is_in_no_call_s_place_and_has_a_limit_of_its_own() -> None:
    rig = Rig(settings(max_calls=1, call_limit_ms=600_000.0, talk_limit_ms=3_600_000.0))
    first, second, third = (Peer(call_id=name) for name in ("first", "second", "third"))
    rig.talk(first)
    for _ in range(2):  # told twice is told once
        rig.exchange.bridge(rig.calls[0])
    rig.talk(second)
    assert [one.status for one in rig.hear(third.invite())] == [503]
    rig.hear(third.ack(refused=True))
    assert {one.one("Call-ID") for one in rig.wait(601_000)} == {"second"}
    assert [heard.over for heard in rig.heard] == [[], ["limit"]]
    rig.wait(2_900_000)
    assert rig.heard[0].over == []
    rig.wait(100_000)
    assert rig.heard[0].over == ["limit"]
    rig.wait(64_000)
    assert (rig.exchange.admission.calls, rig.exchange.admission.bridged) == (0, 0)


def test_bye_while_it_rings_ends_it() -> None:
    rig, peer = Rig(), Peer()
    peer.to_tag = rig.ring(peer).to_tag
    ok, terminated = rig.hear(peer.request("BYE"))
    assert (ok.status, terminated.status) == (200, 487)
    assert rig.heard[0].over == ["caller"]
