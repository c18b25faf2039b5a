"""A session that expires unless it is refreshed (RFC 4028): by whom, how, and what a refusal of it costs."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from pipeline.sip.events import TrunkRefreshRefused
from pipeline.sip.line import SecondLeg, TrunkLine
from pipeline.sip.ports import CallMedia, PersonCall
from pipeline.telemetry.events import Event, set_sink
from tests.sip.rig import ANSWER, OFFER, Rig, settings
from tests.sip.shapes import Peer, Said, reply_to
from tests.sip.test_in_dialog import talking

REFRESHED = ("Session-Expires: 1800;refresher=uas", "Supported: timer", "Allow: INVITE, UPDATE")
BY_REINVITE = (*REFRESHED[:2], "Allow: INVITE")


def test_without_an_offer_no_session_timer_runs() -> None:
    """Defect 8."""
    rig, peer = Rig(settings(call_limit_ms=1e9)), Peer(extra=("Min-SE: 120", "Supported: timer"))
    ok = rig.talk(peer)
    assert ok.all("Session-Expires") == ok.all("Require") == []
    assert rig.wait(86_400_000) == []
    assert rig.heard[0].over == []


def test_the_caller_who_offers_to_refresh_and_does_not_is_gone() -> None:
    rig = Rig()
    peer = Peer(extra=("Session-Expires: 180;refresher=uac", "Supported: timer"))
    ok = rig.talk(peer)
    assert ok.one("Session-Expires") == "180;refresher=uac"
    assert ok.one("Require") == "timer"
    rig.wait(147_000)
    [ok] = rig.hear(peer.request("UPDATE"))
    assert ok.one("Session-Expires") == "180;refresher=uac"
    rig.wait(147_000)
    assert rig.heard[0].over == []
    rig.wait(2_000)
    assert rig.heard[0].over == ["timeout"]


def test_we_refresh_where_the_caller_wants_it_with_update() -> None:
    rig = Rig()
    peer = Peer(
        extra=("Session-Expires: 180;refresher=uas", "Supported: timer", "Allow: INVITE, UPDATE")
    )
    assert rig.talk(peer).one("Session-Expires") == "180;refresher=uas"
    for _ in range(3):
        [update] = rig.wait(90_000)
        assert update.method == "UPDATE"
        assert update.one("Session-Expires") == "180;refresher=uac"
        rig.hear(reply_to(update, 200, f"Contact: {peer.contact}"))
    assert rig.heard[0].over == []
    rig.wait(90_000)
    rig.wait(32_000)
    assert rig.heard[0].over == ["lost"]


@pytest.mark.parametrize(("interval_s", "limit_ms"), [(90, 32_000), (180, 58_000)])
def test_a_refresh_that_is_only_tried_ends_the_call_before_its_session_does(
    interval_s: int, limit_ms: int
) -> None:
    """RFC 4028 section 10; until then a re-INVITE of theirs would meet 491 for ever."""
    rig, _ = talking(
        extra=(f"Session-Expires: {interval_s};refresher=uas", "Supported: timer", "Allow: INVITE")
    )
    [reinvite, *_] = rig.wait(interval_s * 500)
    rig.hear(reply_to(reinvite, 100))
    assert rig.wait(limit_ms - 1_000) == []
    assert rig.heard[0].over == []
    said = rig.wait(1_000)
    assert ([one.method for one in said], rig.heard[0].over) == (["BYE"], ["lost"])
    rig.hear(reply_to(said[0], 200))
    rig.wait(64_000)
    assert rig.empty


@pytest.mark.parametrize("status", [408, 481])
@pytest.mark.parametrize("allow", ["INVITE, UPDATE", "INVITE"])
def test_a_refresh_that_meets_408_or_481_ends_the_call(allow: str, status: int) -> None:
    rig, _ = talking(
        extra=("Session-Expires: 180;refresher=uas", "Supported: timer", f"Allow: {allow}")
    )
    [refresh] = rig.wait(90_000)
    said = rig.hear(reply_to(refresh, status))
    assert [one.method for one in said][-1] == "BYE"
    assert rig.heard[0].over == ["lost"]


def test_a_refresh_that_is_only_tried_when_the_caller_leaves_is_not_remembered() -> None:
    rig, peer = talking(extra=(*REFRESHED[:2], "Allow: INVITE"))
    [reinvite] = rig.wait(900_000)
    rig.hear(reply_to(reinvite, 100))
    rig.hear(peer.request("BYE"))
    rig.wait(33_000)
    assert (rig.empty, rig.exchange.next_ms()) == (True, None)


def test_a_refresh_without_an_offer_is_no_glare_and_503_is_tried_again_later() -> None:
    rig = Rig()
    extra = ("Session-Expires: 180;refresher=uas", "Supported: timer", "Allow: INVITE, UPDATE")
    peer = Peer(extra=extra)
    rig.talk(peer)
    [update] = rig.wait(90_000)
    assert rig.hear(peer.invite())[0].status == 200
    rig.hear(peer.ack())
    rig.hear(reply_to(update, 503))
    assert rig.heard[0].over == []
    assert [one.method for one in rig.wait(90_000)][:1] == ["UPDATE"]


def test_a_refresh_that_is_put_off_comes_again_before_the_far_end_takes_the_call_for_over() -> None:
    """RFC 4028 section 10: 32 s before the 1800 are over it does."""
    rig, _ = talking(extra=REFRESHED)
    [update] = rig.wait(900_000)
    for _ in range(3):
        rig.hear(reply_to(update, 503))
        [update] = rig.wait(217_000)
        assert (update.method, rig.now_ms < 1_768_000) == ("UPDATE", True)


def test_a_refresh_whose_answer_shortens_the_session_is_followed_by_the_next_in_time() -> None:
    rig, peer = talking(extra=REFRESHED)
    [update] = rig.wait(900_000)
    rig.hear(
        reply_to(update, 200, f"Contact: {peer.contact}", "Session-Expires: 600;refresher=uac")
    )
    assert rig.wait(299_000) == []
    [update] = rig.wait(1_000)
    assert update.one("Session-Expires") == "600;refresher=uac"


def test_a_refresh_that_is_too_short_for_the_far_end_asks_for_what_it_takes() -> None:
    rig, _ = talking(extra=REFRESHED)
    [update] = rig.wait(900_000)
    [update] = rig.hear(reply_to(update, 422, "Min-SE: 3600"))
    assert update.one("Session-Expires") == "3600;refresher=uac"
    assert rig.hear(reply_to(update, 422, "Min-SE: 3600")) == [], "once"
    assert rig.heard[0].over == []


def test_a_least_interval_that_was_asked_for_once_is_said_in_each_refresh_behind_it() -> None:
    """RFC 4028 section 7.4: of a 422 to ours, and of their own requests, the longest."""
    rig, peer = talking(extra=REFRESHED)
    [update] = rig.wait(900_000)
    assert update.all("Min-SE") == []
    [update] = rig.hear(reply_to(update, 422, "Min-SE: 2000"))
    assert update.one("Min-SE") == "2000"
    rig.hear(reply_to(update, 200, f"Contact: {peer.contact}"))
    [update] = rig.wait(1_000_000)
    assert update.one("Min-SE") == "2000"
    rig.hear(reply_to(update, 200, f"Contact: {peer.contact}"))
    rig.hear(peer.request("UPDATE"))  # of 1800 s, as they began
    [update] = rig.wait(900_000)
    lasting = [update.one(name) for name in ("Session-Expires", "Min-SE")]
    assert lasting == ["2000;refresher=uac", "2000"], "no session is shorter than its least"


def test_the_least_interval_of_their_own_invite_is_kept_too() -> None:
    rig, _ = talking(extra=(*REFRESHED, "Min-SE: 120"))
    [update] = rig.wait(900_000)
    assert update.one("Min-SE") == "120"


def test_no_second_reinvite_is_under_way_beside_the_first() -> None:
    """RFC 3261 section 14.1: theirs makes the session shorter while ours is only "tried"."""
    rig, peer = talking(extra=BY_REINVITE)
    [reinvite] = rig.wait(900_000)
    rig.hear(reply_to(reinvite, 100))
    peer.extra = ("Session-Expires: 90;refresher=uas", "Supported: timer")
    [ok] = rig.hear(peer.request("UPDATE"))
    assert ok.one("Session-Expires") == "90;refresher=uas"
    assert rig.wait(46_000) == []
    [ack, *_] = rig.hear(reply_to(reinvite, 491))
    assert ack.method == "ACK"
    assert [one.method for one in rig.wait(2_000)][:1] == ["INVITE"]


def test_a_refresh_that_is_answered_after_the_goodbye_leaves_no_alarm() -> None:
    rig, peer = talking(extra=REFRESHED)
    [update] = rig.wait(900_000)
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    rig.hear(reply_to(update, 200, f"Contact: {peer.contact}"))
    rig.hear(reply_to(bye, 200))
    rig.wait(40_000)
    assert (rig.empty, rig.exchange.next_ms()) == (True, None)


def test_a_timer_only_a_proxy_asks_for_is_ours_to_refresh() -> None:
    rig, peer = Rig(), Peer(extra=("Session-Expires: 180",))
    ok = rig.talk(peer)
    assert ok.one("Session-Expires") == "180;refresher=uas"
    assert ok.all("Require") == []


def test_a_timer_too_short_is_422() -> None:
    rig, peer = Rig(), Peer(extra=("Session-Expires: 30", "Supported: timer"))
    [refused] = rig.hear(peer.invite())
    assert (refused.status, refused.one("Min-SE")) == (422, "90")


def refusal(rig: Rig, refresh: Said, status: int) -> list[str]:
    """What is said at once to a refused refresh, but for the ACK of a re-INVITE."""
    return [one.method for one in rig.hear(reply_to(refresh, status)) if one.method != "ACK"]


@pytest.mark.parametrize("status", [403, 488, 500, 606])
@pytest.mark.parametrize("extra", [REFRESHED, BY_REINVITE])
def test_a_refresh_that_is_refused_is_tried_again_while_the_session_lasts(
    extra: tuple[str, ...], status: int
) -> None:
    """RFC 3261 section 14.1: a refusal changes nothing, but 32 s before its end the far end would hang up."""
    rig, peer = talking(extra=extra)
    [refresh] = rig.wait(900_000)
    for _ in range(3):
        assert refusal(rig, refresh, status) == []
        [refresh] = rig.wait(217_000)
        assert rig.now_ms < 1_768_000
    body = ANSWER.decode() if refresh.method == "INVITE" else ""
    rig.hear(reply_to(refresh, 200, f"Contact: {peer.contact}", body=body))
    assert rig.heard[0].over == []
    assert len(rig.wait(900_000)) == 1, "the next one, in time"


def test_who_refuses_one_way_of_refreshing_is_asked_the_other_way() -> None:
    rig, peer = talking(extra=REFRESHED)
    [refresh] = rig.wait(900_000)
    ways = [refresh.method]
    for _ in range(3):
        refusal(rig, refresh, 488)
        [refresh] = rig.wait(217_000)
        ways.append(refresh.method)
    assert ways == ["UPDATE", "INVITE", "UPDATE", "INVITE"]
    assert refresh.body == OFFER
    rig.hear(reply_to(refresh, 200, f"Contact: {peer.contact}", body=ANSWER.decode()))
    [refresh] = rig.wait(900_000)
    assert refresh.method == "INVITE", "as it was taken"


def test_who_does_not_say_that_it_takes_update_is_not_sent_one() -> None:
    """It might answer nothing at all, and silence for 32 s is the end of a call."""
    rig, _ = talking(extra=BY_REINVITE)
    [refresh] = rig.wait(900_000)
    refusal(rig, refresh, 488)
    [refresh] = rig.wait(217_000)
    assert refresh.method == "INVITE"


def test_who_knows_neither_way_is_not_asked_for_ever() -> None:
    """405 to an UPDATE is followed by a re-INVITE at once; 405 to that by nothing."""
    rig, _ = talking(extra=REFRESHED)
    [update] = rig.wait(900_000)
    [reinvite] = rig.hear(reply_to(update, 405))
    assert reinvite.method == "INVITE"
    assert refusal(rig, reinvite, 405) == []
    [again] = rig.wait(217_000)
    assert again.method == "INVITE", "an UPDATE is not taken there"


def test_a_session_that_is_refused_to_the_end_is_told_and_left_to_the_far_end() -> None:
    rig, peer = talking(extra=REFRESHED)
    [refresh] = rig.wait(900_000)
    for _ in range(3):
        refusal(rig, refresh, 488)
        [refresh] = rig.wait(217_000)
    refusal(rig, refresh, 488)
    assert rig.heard[0].refreshes_refused == [(488, 3), (488, 2), (488, 1), (488, 0)]
    assert rig.now_ms < 1_768_000, "before it ends"
    assert rig.wait(600_000) == []
    assert rig.heard[0].over == []
    [ok] = rig.hear(peer.request("BYE"))
    assert (ok.status, rig.heard[0].over) == (200, ["caller"])


def test_a_session_that_was_refused_and_taken_has_all_its_tries_again() -> None:
    rig, peer = talking(extra=REFRESHED)
    [refresh] = rig.wait(900_000)
    refusal(rig, refresh, 503)
    [refresh] = rig.wait(217_000)
    rig.hear(reply_to(refresh, 200, f"Contact: {peer.contact}"))
    [refresh] = rig.wait(900_000)
    refusal(rig, refresh, 503)
    assert rig.heard[0].refreshes_refused == [(503, 3), (503, 3)]


async def test_a_refusal_is_told_of_the_callers_side_and_of_the_persons() -> None:
    async def dial(target: str, media: CallMedia) -> PersonCall:
        raise AssertionError(target, media)

    rig = Rig()
    rig.ring(Peer())
    line = TrunkLine(rig.calls[0], "udp", nullcontext, dial, lambda _: None)
    told: list[Event] = []
    set_sink(told.append)
    try:
        line.on_refresh_refused(488, 3)
        SecondLeg("carrier", nullcontext).on_refresh_refused(401, 0)
    finally:
        set_sink(None)
    refused = [one for one in told if isinstance(one, TrunkRefreshRefused)]
    assert [(str(one.call_id), str(one.trunk), one.status, one.tries_left) for one in refused] == [
        (line.invite.call_id, "carrier", 488, 3),
        ("person", "carrier", 401, 0),
    ]
