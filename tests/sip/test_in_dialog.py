"""Requests within a call: hold, keys, transfer, glare, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.sip.paths import Path
from pipeline.sip.ports import TransferOutcome
from tests.sip.rig import ANSWER, LOCAL, OFFER, TLS, UDP, FakeMedia, Rig, settings
from tests.sip.shapes import SDP, Peer, Said, reply_to
from tests.sip.test_outgoing import HeardDial

PERSON = "sip:+12025550100@carrier.example.com"


def talking(**more: object) -> tuple[Rig, Peer]:
    rig, peer = Rig(), Peer(**more)  # type: ignore[arg-type]  # by name, as they are
    rig.talk(peer)
    return rig, peer


def test_a_reinvite_is_a_new_offer_and_needs_its_own_ack() -> None:
    rig, peer = talking()
    [ok] = rig.hear(peer.invite("v=0\r\nhold\r\n"))
    assert (ok.status, ok.body, rig.media.offers[-1]) == (200, ANSWER, b"v=0\r\nhold\r\n")
    assert ok.one("To").count("tag=") == 1
    assert rig.wait(600) == [ok]
    rig.hear(peer.ack())
    assert rig.wait(20_000) == []
    assert rig.heard[0].up == 1


def test_who_is_hung_up_on_in_a_reinvite_hears_one_bye_whenever_its_ack_comes() -> None:
    rig, peer = talking()
    rig.hear(peer.invite())
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    assert bye.method == "BYE"
    assert rig.hear(peer.ack()) == []
    rig.hear(reply_to(bye, 200))
    assert rig.wait(64_000) == []
    assert rig.empty


def test_a_reinvite_without_sdp_is_answered_with_an_offer() -> None:
    rig, peer = talking()
    [ok] = rig.hear(peer.invite(""))
    assert ok.body == OFFER
    rig.hear(peer.ack("v=0\r\ntheirs\r\n"))
    assert rig.media.answers == [b"v=0\r\ntheirs\r\n"]


def test_a_reinvite_whose_media_are_refused_leaves_the_call_as_it_is() -> None:
    rig, peer = talking()
    rig.media.refuses = "no_codec"
    [refused] = rig.hear(peer.invite())
    assert refused.status == 488
    rig.hear(peer.ack(refused=True))
    assert rig.heard[0].over == []
    rig.calls[0].hang_up()
    assert rig.taken()[-1].method == "BYE"


def test_a_reinvite_moves_the_remote_target() -> None:
    rig, peer = talking()
    peer.contact = "<sip:moved@127.0.0.1:5099>"
    rig.hear(peer.invite())
    rig.hear(peer.ack())
    rig.calls[0].hang_up()
    assert rig.taken()[-1].line == "BYE sip:moved@127.0.0.1:5099 SIP/2.0"
    path = rig.ways[-1].path
    assert path is not None
    assert path.port == 5099


def test_a_reinvite_nobody_acknowledges_ends_the_call() -> None:
    rig, peer = talking()
    rig.hear(peer.invite())
    rig.wait(32_000)
    assert rig.heard[0].over == ["lost"]


def test_both_changing_the_session_at_once_is_491() -> None:
    """Defect 12: our re-INVITE is unanswered when theirs comes."""
    rig, peer = talking(
        extra=("Session-Expires: 120;refresher=uas", "Supported: timer", "Allow: INVITE, ACK, BYE")
    )
    [reinvite] = rig.wait(60_000)
    assert (reinvite.method, reinvite.body) == ("INVITE", OFFER)
    [refused] = rig.hear(peer.invite())
    assert refused.status == 491
    [ack] = rig.hear(reply_to(reinvite, 491))
    assert ack.method == "ACK"
    assert ack.one("Via") == reinvite.one("Via")
    again = [one for one in rig.wait(2_100) if one.method == "INVITE"]
    assert again
    [ack, *_] = rig.hear(
        reply_to(again[0], 200, f"Contact: {peer.contact}", body="v=0\r\ntheirs\r\n")
    )
    assert ack.method == "ACK"
    assert ack.one("Via") != again[0].one("Via")
    assert rig.media.answers == [b"v=0\r\ntheirs\r\n"]


def test_an_invite_before_the_first_is_answered_comes_too_early() -> None:
    rig, peer = Rig(), Peer()
    peer.to_tag = rig.ring(peer).to_tag
    [refused] = rig.hear(peer.invite())
    assert (refused.status, refused.one("Retry-After")) == (500, "2")


def test_update_with_and_without_an_offer() -> None:
    rig, peer = talking()
    [ok] = rig.hear(peer.request("UPDATE", SDP))
    assert (ok.status, ok.body) == (200, ANSWER)
    [ok] = rig.hear(peer.request("UPDATE"))
    assert (ok.status, ok.body) == (200, b"")
    assert len(rig.media.offers) == 2


@pytest.mark.parametrize(
    ("kind", "body", "keys"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", ["5"]),
        ("application/dtmf-relay", "Signal= *\nDuration= 250\n", ["*"]),
        ("application/dtmf-relay", "Signal=10\r\n", ["*"]),
        ("application/dtmf-relay", "Signal=11\r\n", ["#"]),
        ("application/dtmf-relay", "Signal=d\r\n", ["D"]),
        ("application/dtmf", "9", ["9"]),
        ("application/dtmf", "16", []),
        ("application/dtmf-relay", "Duration=160\r\n", []),
        ("application/dtmf-relay", "Signal=55555\r\n", []),
    ],
)
def test_a_key_comes_as_info(kind: str, body: str, keys: list[str]) -> None:
    rig, peer = talking()
    info = peer.request("INFO", body, kind=kind)
    assert [one.status for one in rig.hear(info) + rig.hear(info)] == [200, 200]
    assert rig.media.keys == keys


def test_an_info_we_do_not_read_is_415_and_an_empty_one_is_200() -> None:
    rig, peer = talking()
    [refused] = rig.hear(peer.request("INFO", "<xml/>", kind="application/media_control+xml"))
    assert refused.status == 415
    assert "application/dtmf-relay" in refused.one("Accept")
    assert [one.status for one in rig.hear(peer.request("INFO"))] == [200]


def notify(
    peer: Peer, fragment: str, state: str = "active;expires=60", about: str = "refer"
) -> bytes:
    return peer.request(
        "NOTIFY",
        fragment,
        kind="message/sipfrag;version=2.0",
        headers=(f"Event: {about}", f"Subscription-State: {state}"),
    )


def referred() -> tuple[Rig, Peer, Said]:
    rig, peer = talking()
    rig.calls[0].refer(PERSON)
    [refer] = rig.taken()
    assert refer.one("Refer-To") == f"<{PERSON}>"
    assert rig.hear(reply_to(refer, 202)) == []
    return rig, peer, refer


@pytest.mark.parametrize(
    ("final", "outcome"),
    [
        ("200 OK", TransferOutcome.CONNECTED),
        ("486 Busy Here", TransferOutcome.BUSY),
        ("600 Busy Everywhere", TransferOutcome.BUSY),
        ("480 Temporarily Unavailable", TransferOutcome.NO_ANSWER),
        ("408 Request Timeout", TransferOutcome.NO_ANSWER),
        ("603 Decline", TransferOutcome.REFUSED),
        ("503 Service Unavailable", TransferOutcome.REFUSED),
    ],
)
def test_what_became_of_a_transfer(final: str, outcome: TransferOutcome) -> None:
    rig, peer, _ = referred()
    for fragment in ("SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"):
        [ok] = rig.hear(notify(peer, fragment))
        assert ok.status == 200
        assert rig.heard[0].outcomes == []
    said = rig.hear(notify(peer, f"SIP/2.0 {final}\r\n", "terminated;reason=noresource"))
    assert said[0].status == 200
    assert rig.heard[0].outcomes == [outcome]
    connected = outcome is TransferOutcome.CONNECTED
    assert [one.method for one in said[1:]] == (["BYE"] if connected else [])
    assert rig.heard[0].over == (["us"] if connected else [])


def test_a_carrier_that_forbids_transfers_is_refused_and_the_call_goes_on() -> None:
    rig, peer = talking()
    rig.calls[0].refer(PERSON)
    [refer] = rig.taken()
    rig.hear(reply_to(refer, 603))
    assert rig.heard[0].outcomes == [TransferOutcome.REFUSED]
    assert rig.heard[0].over == []
    [refused] = rig.hear(notify(peer, "SIP/2.0 200 OK"))
    assert refused.status == 481


def test_a_proxy_that_waited_in_vain_for_the_answer_to_a_transfer_ends_no_call() -> None:
    rig, peer = talking()
    rig.calls[0].refer(PERSON)
    [refer] = rig.taken()
    assert rig.hear(reply_to(refer, 408)) == []
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]
    assert rig.heard[0].over == []
    [ok] = rig.hear(peer.request("UPDATE"))
    assert ok.status == 200


@pytest.mark.parametrize("limit_ms", [8_000.0, 40_000.0])
def test_who_drops_our_transfer_without_an_answer_costs_the_caller_no_call(limit_ms: float) -> None:
    rig, peer = Rig(settings(transfer_limit_ms=limit_ms)), Peer()
    rig.talk(peer)
    rig.calls[0].refer(PERSON)
    [refer, *again] = rig.wait(min(limit_ms, 32_000))
    assert {one.method for one in [refer, *again]} == {"REFER"}
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]
    assert {one.method for one in rig.wait(60_000)} <= {"REFER"}
    assert (rig.heard[0].outcomes, rig.heard[0].over) == ([TransferOutcome.NO_ANSWER], [])
    [ok] = rig.hear(peer.request("INFO", "Signal=0\r\n", kind="application/dtmf-relay"))
    assert (ok.status, rig.media.keys) == (200, ["0"])
    rig.calls[0].refer(PERSON)
    rig.hear(reply_to(rig.taken()[0], 202))
    number = refer.one("CSeq").split()[0]
    [refused] = rig.hear(notify(peer, "SIP/2.0 486 Busy Here", about=f"refer;id={number}"))
    assert refused.status == 481, "a late word of the first says nothing of the second"


def test_a_carrier_that_tells_of_a_transfer_whose_answer_was_lost_has_it() -> None:
    rig, peer = talking()
    rig.calls[0].refer(PERSON)
    rig.hear(notify(peer, "SIP/2.0 180 Ringing"))
    rig.wait(32_000)
    assert rig.heard[0].outcomes == []
    rig.hear(notify(peer, "SIP/2.0 486 Busy Here"))
    rig.wait(60_000)
    assert (rig.heard[0].outcomes, rig.heard[0].over) == ([TransferOutcome.BUSY], [])


def test_a_person_who_does_not_answer_in_time_is_no_answer() -> None:
    rig, _, _ = referred()
    rig.wait(60_000)
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]
    assert rig.heard[0].over == []


def test_a_subscription_that_ends_without_a_result_is_no_answer() -> None:
    rig, peer, _ = referred()
    rig.hear(notify(peer, "SIP/2.0 180 Ringing", "terminated;reason=timeout"))
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]


def test_who_ends_the_call_before_a_transfer_is_agreed_to_has_hung_up() -> None:
    rig, peer = talking()
    rig.calls[0].refer(PERSON)
    rig.taken()
    rig.hear(peer.request("BYE"))
    assert (rig.heard[0].outcomes, rig.heard[0].over) == ([], ["caller"])


def test_an_exchange_that_ends_our_part_once_it_leads_the_caller_is_not_a_refusal() -> None:
    rig, peer, _ = referred()
    rig.hear(notify(peer, "SIP/2.0 180 Ringing"))
    rig.hear(peer.request("BYE"))
    assert rig.heard[0].outcomes == [TransferOutcome.LEFT]
    assert rig.heard[0].over == ["caller"]


def test_what_comes_of_a_transfer_that_was_given_up_is_not_taken_for_the_next() -> None:
    rig, peer, first = referred()
    rig.wait(60_000)
    rig.calls[0].refer(PERSON)
    [second] = rig.taken()
    rig.hear(reply_to(second, 202))
    numbers = [each.one("CSeq").split()[0] for each in (first, second)]
    [refused] = rig.hear(notify(peer, "SIP/2.0 486 Busy Here", about=f"refer;id={numbers[0]}"))
    assert refused.status == 481
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]
    [ok] = rig.hear(notify(peer, "SIP/2.0 486 Busy Here", about=f"refer;id={numbers[1]}"))
    assert ok.status == 200
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER, TransferOutcome.BUSY]


@pytest.mark.parametrize("answers", [True, False])
def test_a_late_word_without_a_number_is_of_the_transfer_that_was_given_up(answers: bool) -> None:
    """Only the first REFER of a call may be told of without its number; `answers`, or a proxy gave it up."""
    rig, peer = talking()
    rig.calls[0].refer(PERSON)
    [first] = rig.taken()
    rig.hear(reply_to(first, 202 if answers else 408))
    rig.wait(60_000)
    rig.calls[0].refer(PERSON)
    [second] = rig.taken()
    rig.hear(reply_to(second, 202))
    for fragment in ("SIP/2.0 180 Ringing", "SIP/2.0 486 Busy Here"):
        [refused] = rig.hear(notify(peer, fragment))
        assert refused.status == 481
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]
    # of the first everything is known now
    [ok] = rig.hear(notify(peer, "SIP/2.0 603 Decline"))
    assert ok.status == 200
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER, TransferOutcome.REFUSED]


def test_after_one_that_was_told_to_the_end_the_next_needs_no_number() -> None:
    rig, peer, _ = referred()
    for outcome in (TransferOutcome.BUSY, TransferOutcome.BUSY):
        [ok] = rig.hear(notify(peer, "SIP/2.0 486 Busy Here", "terminated;reason=noresource"))
        assert (ok.status, rig.heard[0].outcomes[-1]) == (200, outcome)
        rig.calls[0].refer(PERSON)
        rig.hear(reply_to(rig.taken()[0], 202))


@pytest.mark.parametrize(
    "target",
    [
        "",
        "911",
        "sip:8911@pbx.example",
        "tel:+19005550123",
        "sip:a@b>\r\nX: y",
        "http://a@b",
        "sip:a@b?Replaces=x",
        "sip:<a>@b",
    ],
)
def test_a_target_that_is_no_address_is_never_sent(target: str) -> None:
    rig, _ = talking()
    with pytest.raises(ValueError, match="target"):
        rig.calls[0].refer(target)
    assert rig.taken() == []


def test_a_notify_of_something_else_is_489_and_one_nobody_asked_for_481() -> None:
    rig, peer = talking()
    [refused] = rig.hear(peer.request("NOTIFY", headers=("Event: presence",)))
    assert refused.status == 489
    [refused] = rig.hear(notify(peer, "SIP/2.0 200 OK"))
    assert refused.status == 481


def test_an_older_number_is_refused_and_a_repeated_one_absorbed() -> None:
    rig, peer = talking()
    update = peer.request("UPDATE")
    rig.hear(update)
    [again] = rig.hear(update)
    assert again.status == 200
    [refused] = rig.hear(peer.request("UPDATE", cseq=3))
    assert refused.status == 500


@pytest.mark.parametrize("cseq", [1, 101])
def test_who_leaves_with_an_old_number_has_left(cseq: int) -> None:
    """Against the letter of RFC 3261 section 12.2.2: a caller who miscounts is gone after any answer to a BYE."""
    rig, peer = talking()
    [ok] = rig.hear(peer.request("UPDATE", cseq=200))
    assert ok.status == 200
    [ok] = rig.hear(peer.request("BYE", cseq=cseq))
    assert (ok.status, rig.heard[0].over) == (200, ["caller"])
    rig.wait(64_000)
    assert rig.empty


def test_a_strange_tag_is_481() -> None:
    rig, peer = talking()
    for method in ("BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"):
        [refused] = rig.hear(peer.request(method, to_tag="guessed"))
        assert refused.status == 481
    assert rig.heard[0].over == []


def test_an_end_that_forgot_the_call_ends_it() -> None:
    rig, _ = talking()
    rig.calls[0].refer(PERSON)
    [refer] = rig.taken()
    [bye] = rig.hear(reply_to(refer, 481))
    assert bye.method == "BYE"
    assert rig.heard[0].over == ["lost"]


def test_our_requests_and_contacts_name_the_transport_of_the_call() -> None:
    """Defect 5."""
    rig = Rig(settings(advertised_host="gw.example.org", advertised_ports={"tls": 6061}), path=TLS)
    peer = Peer(transport="TLS")
    ringing = rig.ring(peer)
    contact = "<sip:wardline@gw.example.org:6061;transport=tls>"
    assert ringing.one("Contact") == rig.answer(peer).one("Contact") == contact
    rig.hear(peer.ack())
    rig.calls[0].hang_up()
    assert rig.taken()[0].one("Via").startswith("SIP/2.0/TLS gw.example.org:6061;branch=z9hG4bK")


@pytest.mark.parametrize(("path", "port"), [(TLS, 5061), (UDP, 5070)])
def test_a_trunk_that_reaches_us_elsewhere_is_told_so_and_no_other_is(
    path: Path, port: int
) -> None:
    house = replace(LOCAL, name="house", networks=("10.0.0.0/8",), advertised_host="10.0.0.2")
    rig = Rig(
        settings(
            trunks=(LOCAL, house),
            advertised_host="203.0.113.7",
            advertised_ports={"tls": 6061, "udp": 6070},
        ),
        path=replace(path, host="10.0.0.9"),
    )
    peer = Peer(transport=path.transport.upper())
    ok = rig.talk(peer)
    assert f"@10.0.0.2:{port};transport={path.transport}>" in ok.one("Contact")
    rig.calls[0].refer(PERSON)
    [refer] = rig.taken()
    assert f" 10.0.0.2:{port};branch" in refer.one("Via")
    rig.path = path
    ok = rig.talk(Peer(call_id="carrier", transport=path.transport.upper()))
    assert f"@203.0.113.7:{port + 1_000};" in ok.one("Contact")
    there = Path(path.transport, "10.0.0.9", 5060, "10.0.0.1", 5060)
    dialled = rig.exchange.dial("house", "sip:201@10.0.0.9", rig.media, "", there, HeardDial())
    [invite] = rig.taken()
    assert "@10.0.0.2:5060;" in invite.one("Contact")
    assert "<sip:wardline@10.0.0.2:5060>" in invite.one("From")
    dialled.hang_up()


def test_media_of_a_second_call_are_its_own() -> None:
    rig, first, second = Rig(), Peer(), Peer(call_id="other")
    rig.talk(first)
    media = FakeMedia()
    rig.ring(second)
    rig.answer(second, media)
    rig.hear(second.ack())
    rig.hear(second.request("INFO", "7", kind="application/dtmf"))
    assert (media.keys, rig.media.keys) == (["7"], [])


def test_an_edge_that_asks_whether_a_call_stands_is_told_so_with_any_number() -> None:
    """Kamailio numbers its questions as the last request; another answer is no fault, and 481 ends the call."""
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    for cseq in (100, 101):
        [ok] = rig.hear(peer.request("OPTIONS", cseq=cseq))
        assert ok.status == 200
    [info] = rig.hear(peer.request("INFO", cseq=102))
    assert info.status == 200, "its own numbers go on"
    peer.to_tag = "forgotten"
    [gone] = rig.hear(peer.request("OPTIONS", cseq=103))
    assert gone.status == 481
