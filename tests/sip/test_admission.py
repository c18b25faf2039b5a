"""Who may call, how much, and what is refused before anything rings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest

from pipeline.errors import StartUpError
from pipeline.sip.paths import Path
from pipeline.sip.settings import Digest, TrunkSettings
from pipeline.sip.trunk import Trunks
from tests.sip.rig import LOCAL, TLS, UDP, Rig, Taker, settings
from tests.sip.shapes import TARGET, Peer, Said, said

STRANGER = Path("udp", "192.0.2.7", 5060, "127.0.0.1", 5070)


def test_a_stranger_gets_no_answer_and_is_counted() -> None:
    rig = Rig()
    for data in (Peer().invite(), Peer().request("OPTIONS"), b"junk"):
        assert rig.hear(data, STRANGER) == []
    assert rig.exchange.dropped.strangers == 3
    assert rig.empty


def test_a_trunk_that_was_promised_tls_is_not_taken_over_udp() -> None:
    rig = Rig(settings(trunks=(TrunkSettings("carrier", ("127.0.0.0/8",)),)))
    assert rig.hear(Peer().invite()) == []
    assert [one.status for one in rig.hear(Peer().invite(), TLS)] == [180]


def test_the_first_trunk_whose_network_fits_takes_the_call() -> None:
    trunks = (
        TrunkSettings("one", ("192.0.2.0/24",), transports=("udp",)),
        TrunkSettings("two", ("127.0.0.1/32", "::1/128"), transports=("udp",)),
    )
    rig = Rig(settings(trunks=trunks))
    rig.ring(Peer())
    assert rig.calls[0].invite.trunk == "two"


def test_what_is_above_the_limit_of_calls_gets_503_and_leaves_nothing() -> None:
    rig = Rig(settings(max_calls=2, retry_after_s=7))
    peers = [Peer(call_id=f"call{number}") for number in range(4)]
    answers = [rig.hear(peer.invite())[0] for peer in peers]
    assert [one.status for one in answers] == [180, 180, 503, 503]
    assert answers[2].one("Retry-After") == "7"
    for peer in peers[2:]:
        rig.hear(peer.ack(refused=True))
    rig.wait(5_000)
    assert len(rig.exchange.station.transactions) == 2
    rig.calls[0].reject(486)
    rig.taken()
    rig.hear(peers[0].ack(refused=True))
    assert [one.status for one in rig.hear(Peer(call_id="next").invite())] == [180]


def test_a_trunk_has_its_own_limit() -> None:
    trunks = (
        TrunkSettings("small", ("127.0.0.2/32",), transports=("udp",), max_calls=1),
        TrunkSettings("large", ("127.0.0.0/8",), transports=("udp",)),
    )
    rig = Rig(settings(trunks=trunks))
    small = Path("udp", "127.0.0.2", 5060, "127.0.0.1", 5070)
    statuses = [
        rig.hear(Peer(call_id=f"c{number}").invite(), path)[0].status
        for number, path in enumerate((small, small, UDP))
    ]
    assert statuses == [180, 503, 180]


def test_no_trunk_acts_in_the_call_of_another() -> None:
    other = TrunkSettings("other", ("192.0.2.0/24",), transports=("udp",))
    rig, peer = Rig(settings(trunks=(LOCAL, other))), Peer()
    stranger = Path("udp", "192.0.2.5", 5060, "127.0.0.1", 5070)
    rig.ring(peer)
    [refused] = rig.hear(peer.cancel(), stranger)
    assert refused.status == 481
    rig.answer(peer)
    rig.hear(peer.ack(), stranger)
    assert rig.heard[0].up == 0, "nor does it say that a call stands"
    rig.hear(peer.ack())
    for method in ("BYE", "UPDATE", "INFO"):
        [refused] = rig.hear(peer.request(method), stranger)
        assert refused.status == 481
    assert (rig.heard[0].up, rig.heard[0].over) == (1, [])
    [ok] = rig.hear(peer.request("BYE"))
    assert ok.status == 200


def test_calls_above_the_rate_get_503_and_a_second_later_there_is_room() -> None:
    rig = Rig(settings(calls_per_s=2.0))
    statuses = [rig.hear(Peer(call_id=f"c{n}").invite())[0].status for n in range(4)]
    assert statuses == [180, 180, 503, 503]
    rig.wait(500)
    assert rig.hear(Peer(call_id="later").invite())[0].status == 180
    assert rig.hear(Peer(call_id="later2").invite())[0].status == 503


def test_a_taker_without_a_line_gives_503_with_its_own_time() -> None:
    rig = Rig(may_ring=lambda: 33)
    [refused] = rig.hear(Peer().invite())
    assert (refused.status, refused.one("Retry-After")) == (503, "33")
    assert rig.calls == []


FLOODED = TrunkSettings("flooded", ("127.0.0.0/24",), transports=("udp",))
OTHER = TrunkSettings("other", ("127.0.1.0/24",), transports=("udp",))
OTHERS = Path("udp", "127.0.1.9", 5060, "127.0.0.1", 5070)
NEIGHBOUR = Path("udp", "127.0.0.9", 5060, "127.0.0.1", 5070)


def test_what_is_above_an_addresss_share_is_answered_and_leaves_nothing_behind() -> None:
    rig = Rig(settings(max_transactions=20, max_calls=1))
    rig.ring(Peer(call_id="first"))
    for number in range(200):
        [refused] = rig.hear(Peer(call_id=f"c{number}").invite())
        assert refused.status == 503
    assert len(rig.exchange.station.transactions) == 10
    rig.wait(5_100)
    assert len(rig.exchange.station.transactions) == 1, "only the call that rings"


@pytest.mark.parametrize(
    "flood",
    [
        lambda n: Peer(call_id=f"f{n}").request("OPTIONS"),
        lambda n: Peer(call_id=f"f{n}").request("SUBSCRIBE"),
        lambda n: Peer(call_id=f"f{n}", to_tag="none").request("BYE"),
        lambda n: Peer(call_id=f"f{n}").request("CANCEL"),
        lambda n: Peer(call_id=f"f{n}", contact="*").invite(),
        lambda n: Peer(call_id=f"f{n}", extra=("Require: x",)).invite(),
    ],
)
def test_128_requests_a_second_of_one_address_refuse_nobodys_calls(
    flood: Callable[[int], bytes],
) -> None:
    """For 40 s, longer than anything is remembered; the flooding address itself may still call."""
    rig = Rig(settings(trunks=(FLOODED, OTHER)))
    for number in range(40 * 128):
        assert rig.hear(flood(number)), "each is answered"
        rig.wait(1_000 / 128)
    for who, path in (("other", OTHERS), ("neighbour", NEIGHBOUR), ("itself", UDP)):
        [ringing] = rig.hear(Peer(call_id=who).invite(), path)
        assert ringing.status == 180, who


def test_calls_of_one_address_that_take_every_place_leave_the_others_theirs() -> None:
    """Calls that ring hold their places: of 40 a trunk has 20 and an address 10."""
    rig = Rig(settings(trunks=(FLOODED, OTHER), max_transactions=40))
    statuses = [rig.hear(Peer(call_id=f"f{n}").invite())[0].status for n in range(30)]
    assert statuses == [180] * 10 + [503] * 20
    for path in (OTHERS, NEIGHBOUR):
        [ringing] = rig.hear(Peer(call_id=path.host).invite(), path)
        assert ringing.status == 180


def test_a_call_refused_after_it_rang_is_remembered_until_its_ack() -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer)
    rig.exchange.run(rig.now_ms)
    rig.calls[0].reject(503)
    rig.taken()
    rig.wait(20_000)
    [refused] = rig.hear(peer.invite(cseq=101, branch=peer.invite_branch))
    assert refused.status == 503
    assert len(rig.calls) == 1, "it does not ring again"


def test_an_unknown_method_is_405_with_what_is_allowed() -> None:
    rig = Rig()
    for method in ("SUBSCRIBE", "REGISTER", "MESSAGE", "REFER", "PRACK", "NEWMETHOD"):
        [refused] = rig.hear(Peer(call_id=method).request(method))
        assert refused.status == 405
        assert refused.one("Allow").split(", ")[:3] == ["INVITE", "ACK", "CANCEL"]


def test_an_extension_we_lack_is_420_and_named() -> None:
    rig = Rig()
    [refused] = rig.hear(Peer(extra=("Require: 100rel, timer", "Require: bogus")).invite())
    assert refused.status == 420
    assert refused.one("Unsupported") == "100rel, bogus"
    [ok] = rig.hear(Peer(call_id="b", extra=("Require: timer", "Proxy-Require: x")).invite())
    assert ok.status == 180


def test_options_are_answered_whatever_the_load() -> None:
    rig = Rig(settings(max_calls=0), may_ring=lambda: 5)
    [ok] = rig.hear(Peer(from_tag="t").request("OPTIONS"))
    assert ok.status == 200
    assert "INVITE" in ok.one("Allow")
    assert "application/sdp" in ok.one("Accept")
    assert ok.to_tag


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"contact": "*"}, 400),
        ({"contact": "<sip:a\u00e9b@127.0.0.1>"}, 400),
        ({"contact": "<mailto:a@b>"}, 400),
        ({"record_routes": ("<sip:;lr>",)}, 400),
        ({"record_routes": ("nonsense",)}, 400),
        ({"uri": "http://example.com/"}, 416),
        ({"extra": ("Content-Encoding: gzip",)}, 415),
    ],
)
def test_an_invite_that_makes_no_dialog_is_refused(change: dict[str, object], status: int) -> None:
    rig = Rig()
    data = Peer(**change).invite()  # type: ignore[arg-type]  # by name, as they are
    [refused] = rig.hear(data)
    assert refused.status == status
    assert rig.calls == []


def test_a_body_that_is_no_sdp_is_415() -> None:
    rig = Rig()
    [refused] = rig.hear(Peer().request("INVITE", "<a/>", kind="application/xml"))
    assert refused.status == 415
    assert "application/sdp" in refused.one("Accept")


def test_one_call_that_came_by_two_ways_rings_once() -> None:
    rig, peer = Rig(), Peer()
    rig.ring(peer)
    [refused] = rig.hear(peer.request("INVITE", "", cseq=101, branch="z9hG4bKother"))
    assert refused.status == 482


def challenged() -> tuple[Rig, Peer, Said]:
    trunk = TrunkSettings("pbx", ("127.0.0.0/8",), ("udp",), digest=Digest("desk", "secret"))
    rig, peer = Rig(settings(trunks=(trunk,))), Peer()
    [asked] = rig.hear(peer.invite())
    assert asked.status == 401
    rig.hear(peer.ack(refused=True))
    return rig, peer, asked


def authorization(asked: Said, algorithm: str, password: str = "secret", **change: str) -> str:  # noqa: S107  # a test's
    challenge = next(v for v in asked.all("WWW-Authenticate") if f"algorithm={algorithm}" in v)
    found = re.search(r'nonce="([^"]+)"', challenge)
    assert found
    made = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def h(text: str) -> str:
        return made(text.encode()).hexdigest()

    values = {
        "nonce": found[1],
        "nc": "00000001",
        "cnonce": "c0ffee",
        "uri": TARGET,
        "user": "desk",
    }
    values |= change
    response = h(
        f"{h('desk:wardline:' + password)}:{values['nonce']}:{values['nc']}:{values['cnonce']}:auth:"
        + h(f"INVITE:{values['uri']}")
    )
    return (
        f'Authorization: Digest username="{values["user"]}", realm="wardline", nonce="{values["nonce"]}", '
        f'uri="{values["uri"]}", algorithm={algorithm}, qop=auth, nc={values["nc"]}, '
        f'cnonce="{values["cnonce"]}", response="{response}"'
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_trunk_with_a_password_is_asked_for_it_and_let_in(algorithm: str) -> None:
    """Defect 14."""
    rig, peer, asked = challenged()
    [ringing] = rig.hear(peer.invite(headers=(authorization(asked, algorithm),)))
    assert ringing.status == 180


@pytest.mark.parametrize(
    "change",
    [
        {"uri": "sip:other@example.com"},
        {"user": "other"},
        {"nc": "0000000g"},
        {"password": "wrong"},
    ],
)
def test_credentials_that_are_wrong_are_asked_for_again(change: dict[str, str]) -> None:
    rig, peer, asked = challenged()
    [refused] = rig.hear(peer.invite(headers=(authorization(asked, "MD5", **change),)))
    assert refused.status == 401
    assert "stale" not in refused.all("WWW-Authenticate")[0]


def test_a_nonce_is_good_once_for_a_minute_and_for_one_address() -> None:
    rig, peer, asked = challenged()
    header = authorization(asked, "SHA-256")
    other = Path("udp", "127.0.0.9", 5060, "127.0.0.1", 5070)
    [refused] = rig.hear(peer.invite(headers=(header,)), other)
    assert "stale=true" in refused.all("WWW-Authenticate")[0]
    [ringing] = rig.hear(Peer(call_id="b").invite(headers=(header,)))
    assert ringing.status == 180
    [refused] = rig.hear(Peer(call_id="c").invite(headers=(header,)))
    assert (refused.status, "stale=true" in refused.all("WWW-Authenticate")[0]) == (401, True)
    rig, peer, asked = challenged()
    rig.wait(61_000)
    [refused] = rig.hear(peer.invite(headers=(authorization(asked, "MD5"),)))
    assert "stale=true" in refused.all("WWW-Authenticate")[0]


def test_a_nonce_of_somebody_elses_making_is_asked_for_again() -> None:
    rig, peer, asked = challenged()
    header = authorization(asked, "MD5", nonce="0-00000000000000000000000000000000")
    [refused] = rig.hear(peer.invite(headers=(header,)))
    assert "stale=true" in refused.all("WWW-Authenticate")[0]


def test_a_network_that_is_none_stops_the_start() -> None:
    trunk = TrunkSettings("carrier", ("not-a-network",))
    with pytest.raises(StartUpError, match="CIDR"):
        Trunks(settings(trunks=(trunk,)), Taker())


def test_the_reader_of_answers_reads_what_the_server_wrote() -> None:
    assert said(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n").status == 200
