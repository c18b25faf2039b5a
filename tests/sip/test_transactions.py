"""What is repeated and until when; where answers go."""

from __future__ import annotations

from dataclasses import replace

from pipeline.sip.alarms import Alarms
from pipeline.sip.paths import Path
from tests.sip.rig import TLS, UDP, Rig
from tests.sip.shapes import Peer, reply_to

AWAY = Path("udp", "127.0.0.7", 40_007, "127.0.0.1", 5070)


def test_on_udp_an_answer_goes_to_rport_or_to_where_via_says() -> None:
    for via_params, port in ((";rport", 40_007), ("", 5066)):
        rig = Rig(path=AWAY)
        [ok] = rig.hear(
            Peer(sent_by="10.0.0.1:5066", via_params=via_params, from_tag="t").request("OPTIONS")
        )
        path = rig.ways[-1].path
        assert path == replace(AWAY, port=port)
        assert ";received=127.0.0.7" in ok.one("Via")
        assert (f";rport={port}" in ok.one("Via")) is bool(via_params)


def test_on_streams_received_and_rport_are_stamped_unasked() -> None:
    """Defect 3."""
    rig = Rig(path=TLS)
    peer = Peer(transport="TLS", sent_by="127.0.0.1:5061", via_params="")
    [ok] = rig.hear(peer.request("OPTIONS"))
    assert ok.one("Via").endswith(";received=127.0.0.1;rport=40001")
    assert rig.ways[-1].path == TLS


def test_a_repeated_request_is_answered_by_the_way_it_came_now() -> None:
    rig, data = Rig(path=TLS), Peer(transport="UDP").request("OPTIONS")
    rig.hear(data, UDP)
    rig.hear(data, replace(UDP, port=5999))
    path = rig.ways[-1].path
    assert path is not None
    assert path.port == 5999


def test_an_answer_within_a_call_is_remembered_32_seconds_on_udp_and_not_on_streams() -> None:
    for path, lasts in ((UDP, True), (TLS, False)):
        rig, peer = Rig(path=path), Peer()
        rig.talk(peer)
        rig.wait(33_000)
        assert len(rig.exchange.station.transactions) == 0
        rig.hear(peer.request("INFO", "Signal=1", kind="application/dtmf-relay"))
        assert len(rig.exchange.station.transactions) == int(lasts)
        rig.wait(31_900)
        assert len(rig.exchange.station.transactions) == int(lasts)
        rig.wait(200)
        assert len(rig.exchange.station.transactions) == 0


def test_a_question_without_a_call_is_answered_alike_each_time_and_not_remembered() -> None:
    for method in ("OPTIONS", "PUBLISH", "BYE"):
        rig, data = Rig(), Peer(to_tag="none" if method == "BYE" else "").request(method)
        assert rig.hear(data) == rig.hear(data)
        assert rig.empty


def test_a_request_of_ours_is_repeated_on_udp_alone_and_slower_after_a_100() -> None:
    for path, times in ((UDP, [500, 1_500, 3_500, 7_500, 11_500]), (TLS, [])):
        rig, peer = Rig(path=path), Peer()
        rig.talk(peer)
        rig.calls[0].hang_up()
        rig.taken()
        assert [rig.now_ms for _ in range(120) if rig.wait(100)] == times
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    rig.hear(reply_to(bye, 100))
    assert [rig.now_ms for _ in range(90) if rig.wait(100)] == [500, 4_500, 8_500]


def test_an_answer_to_nothing_is_counted_and_dropped() -> None:
    rig, peer = Rig(), Peer()
    rig.talk(peer)
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    stray = reply_to(bye, 200).replace(b"branch=z9hG4bK", b"branch=z9hG4bKx")
    assert rig.hear(stray) == []
    assert rig.exchange.dropped.stray == 1
    assert rig.exchange.calls == 1


def test_alarms_ring_in_order_and_cancelled_ones_take_no_room() -> None:
    alarms, rung = Alarms(), list[int]()

    def set_another() -> None:
        alarms.set(1, lambda: rung.append(6))

    kept = [alarms.set(number, lambda n=number: rung.append(n)) for number in range(1_000)]  # type: ignore[misc]
    for alarm in kept[1:]:
        alarm.cancel()
    alarms.set(5, set_another)
    for number in range(2_000):
        alarms.set(10_000 + number, lambda: None).cancel()
    assert len(alarms._queue) < 1_500
    alarms.run(100)
    assert rung == [0, 6]
    assert alarms.next_ms() is None
