"""A trunk that asks who calls: credentials are shown once to each who asks, and never twice; nobody reads them in a log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5, sha256

import pytest

from pipeline.sip.outgoing import OutgoingCall
from pipeline.sip.ports import NotReached, TransferOutcome
from pipeline.sip.settings import Digest, Listen, SignallingSettings, TrunkSettings
from pipeline.sip.trunk import Trunks
from pipeline.telemetry.events import Event, set_sink
from tests.sip.rig import LOCAL, FakeMedia, Rig, Taker, settings
from tests.sip.shapes import Peer, Said, reply_to
from tests.sip.test_in_dialog import notify
from tests.sip.test_outgoing import ANSWER, CONTACT, PERSON, WAY, HeardDial

PASSWORD = "correct horse battery staple"  # noqa: S105  # nobody's: made up here
OURS = Digest("clinic", PASSWORD)
HASHES = {"MD5": md5, "SHA-256": sha256}


def dialled(digest: Digest | None = OURS) -> tuple[Rig, HeardDial, OutgoingCall, Said]:
    rig, heard = Rig(settings(trunks=(replace(LOCAL, digest=digest),))), HeardDial()
    call = rig.exchange.dial("carrier", PERSON, rig.media, "", WAY, heard)
    [invite] = rig.taken()
    return rig, heard, call, invite


def challenge(invite: Said, *asked: str, status: int = 401) -> bytes:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return reply_to(invite, status, *(f"{name}: {each}" for each in asked), to_tag="c")


def asking(algorithm: str = "MD5", more: str = ', qop="auth,auth-int"') -> str:
    named = f", algorithm={algorithm}" if algorithm else ""
    return f'Digest realm="pbx, of ours", nonce="abc=,1"{named}{more}'


def said_in(value: str) -> dict[str, str]:
    assert value.startswith("Digest ")
    return {
        key: quoted or bare
        for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,]*))', value)
    }


def proof(said: dict[str, str], uri: str, password: str = PASSWORD, method: str = "INVITE") -> str:
    """RFC 3261 section 22.4, written here once more."""
    made = HASHES[said["algorithm"]]

    def hashed(text: str) -> str:
        return made(text.encode()).hexdigest()

    middle = said["nonce"]
    if "qop" in said:
        middle += f":{said['nc']}:{said['cnonce']}:{said['qop']}"
    secret = hashed(f"clinic:{said['realm']}:{password}")
    return hashed(f"{secret}:{middle}:{hashed(f'{method}:{uri}')}")


@pytest.mark.parametrize(
    ("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")]
)
@pytest.mark.parametrize(
    ("asked", "algorithm", "qop"),
    [
        ((asking(),), "MD5", "auth"),
        ((asking(""),), "MD5", "auth"),
        ((asking("MD5", ', opaque="o1"'),), "MD5", None),
        ((asking("md5"), asking("SHA-256"), asking("SHA-512-256")), "SHA-256", "auth"),
        ((asking("SHA-256", ', qop="auth-int"'), "Basic realm=x", asking()), "MD5", "auth"),
    ],
)
def test_a_challenge_is_answered_by_a_second_request_of_the_same_call(
    status: int, header: str, asked: tuple[str, ...], algorithm: str, qop: str | None
) -> None:
    rig, heard, call, invite = dialled()
    ack, again = rig.hear(challenge(invite, *asked, status=status))
    assert (ack.method, ack.one("Via"), ack.one("CSeq")) == ("ACK", invite.one("Via"), "1 ACK")
    assert (again.method, again.one("CSeq")) == ("INVITE", "2 INVITE")
    assert again.one("Via") != invite.one("Via")
    assert again.body == invite.body
    for name in ("Call-ID", "From", "To"):
        assert again.one(name) == invite.one(name)
    said = said_in(again.one(header))
    assert (said["algorithm"], said.get("qop"), said["username"]) == (algorithm, qop, "clinic")
    assert said["response"] == proof(said, PERSON)
    assert said.get("opaque") == ("o1" if qop is None else None)

    rig.hear(reply_to(again, 180, to_tag="p"))
    [ack] = rig.hear(reply_to(again, 200, CONTACT, to_tag="p", body=ANSWER))
    assert (ack.one("CSeq"), ack.one(header)) == ("2 ACK", again.one(header))
    assert heard.up == 1
    call.hang_up()
    [bye] = rig.taken()
    assert bye.one("CSeq") == "3 BYE"
    rig.hear(reply_to(bye, 200))
    rig.wait(32_000)
    assert rig.empty


@pytest.mark.parametrize(
    ("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")]
)
@pytest.mark.parametrize("comes", [True, False])
def test_a_bye_that_is_challenged_is_said_again_with_credentials_once(
    comes: bool, status: int, header: str
) -> None:
    if comes:
        rig = Rig(settings(trunks=(replace(LOCAL, outbound_digest=OURS),)))
        rig.talk(Peer())
        rig.calls[0].hang_up()
    else:
        rig, _, call, invite = dialled()
        rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
        call.hang_up()
    [bye] = rig.taken()
    [again] = rig.hear(challenge(bye, asking(), status=status))
    assert again.method == "BYE"
    assert int(again.one("CSeq").split()[0]) == int(bye.one("CSeq").split()[0]) + 1
    said = said_in(again.one(header))
    assert said["uri"] == again.line.split()[1]
    assert said["response"] == proof(said, said["uri"], method="BYE")
    assert rig.hear(challenge(again, asking() + ", stale=true", status=status)) == []
    rig.wait(64_000)
    assert rig.empty


def test_a_challenged_bye_without_credentials_ends_the_call_here() -> None:
    rig = Rig(settings(trunks=(LOCAL,)))
    rig.talk(Peer())
    rig.calls[0].hang_up()
    [bye] = rig.taken()
    assert rig.hear(challenge(bye, asking())) == []
    rig.wait(64_000)
    assert rig.empty


def refresher(allow: str) -> tuple[Rig, Peer, Said]:
    """A call whose session we keep alive: its first refresh is under way."""
    rig = Rig(settings(trunks=(replace(LOCAL, outbound_digest=OURS),)))
    peer = Peer(extra=("Session-Expires: 180;refresher=uas", "Supported: timer", f"Allow: {allow}"))
    rig.talk(peer)
    [refresh] = rig.wait(90_000)
    return rig, peer, refresh


def said_again(rig: Rig, asked: Said, status: int, header: str) -> Said:
    """The same request with credentials, one number further; a refused INVITE is acknowledged before."""
    *acks, again = rig.hear(challenge(asked, asking(), status=status))
    assert [each.method for each in acks] == (["ACK"] if asked.method == "INVITE" else [])
    assert (again.method, again.body) == (asked.method, asked.body)
    assert int(again.one("CSeq").split()[0]) == int(asked.one("CSeq").split()[0]) + 1
    said = said_in(again.one(header))
    assert said["uri"] == again.line.split()[1]
    assert said["response"] == proof(said, said["uri"], method=asked.method)
    return again


WAYS_TO_ASK = pytest.mark.parametrize(
    ("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")]
)


@WAYS_TO_ASK
def test_a_transfer_that_is_challenged_is_asked_for_again_with_credentials_once(
    status: int, header: str
) -> None:
    rig, peer = Rig(settings(trunks=(replace(LOCAL, outbound_digest=OURS),))), Peer()
    rig.talk(peer)
    rig.calls[0].refer(PERSON)
    [refer] = rig.taken()
    again = said_again(rig, refer, status, header)
    assert again.one("Refer-To") == refer.one("Refer-To")
    rig.hear(reply_to(again, 202))
    assert rig.heard[0].outcomes == []
    number = again.one("CSeq").split()[0]
    [ok] = rig.hear(notify(peer, "SIP/2.0 486 Busy Here", about=f"refer;id={number}"))
    assert (ok.status, rig.heard[0].outcomes) == (200, [TransferOutcome.BUSY])


@pytest.mark.parametrize("digest", [OURS, None])
def test_a_transfer_whose_credentials_are_not_taken_is_unauthorized_and_costs_no_call(
    digest: Digest | None,
) -> None:
    rig = Rig(settings(trunks=(replace(LOCAL, outbound_digest=digest),)))
    rig.talk(Peer())
    rig.calls[0].refer(PERSON)
    [asked] = rig.taken()
    if digest is not None:
        asked = said_again(rig, asked, 401, "Authorization")
    assert rig.hear(challenge(asked, asking() + ", stale=true")) == []
    assert (rig.heard[0].outcomes, rig.heard[0].over) == ([TransferOutcome.UNAUTHORIZED], [])


def test_a_transfer_that_was_given_up_is_not_asked_for_again() -> None:
    """The caller is back with us: a late challenge must not lead them away."""
    options = settings(trunks=(replace(LOCAL, outbound_digest=OURS),), transfer_limit_ms=5_000.0)
    rig = Rig(options)
    rig.talk(Peer())
    rig.calls[0].refer(PERSON)
    [refer, *_] = rig.wait(5_000)
    assert rig.heard[0].outcomes == [TransferOutcome.NO_ANSWER]
    assert rig.hear(challenge(refer, asking())) == []
    assert (rig.heard[0].outcomes, rig.heard[0].over) == ([TransferOutcome.NO_ANSWER], [])


@WAYS_TO_ASK
def test_a_refresh_by_update_that_is_challenged_keeps_the_session(status: int, header: str) -> None:
    rig, _, update = refresher("INVITE, UPDATE")
    assert update.method == "UPDATE"
    again = said_again(rig, update, status, header)
    assert again.one("Session-Expires") == update.one("Session-Expires")
    rig.hear(reply_to(again, 200))
    assert [each.method for each in rig.wait(90_000)] == ["UPDATE"], "the next one is due again"


@WAYS_TO_ASK
def test_a_refresh_by_reinvite_that_is_challenged_keeps_the_session(
    status: int, header: str
) -> None:
    rig, peer, invite = refresher("INVITE, ACK, BYE")
    assert invite.method == "INVITE"
    again = said_again(rig, invite, status, header)
    [refused] = rig.hear(peer.invite())
    assert refused.status == 491, "ours is still unanswered"
    [ack] = rig.hear(reply_to(again, 200, CONTACT, body=ANSWER))
    number = again.one("CSeq").split()[0]
    assert (ack.one("CSeq"), ack.one(header)) == (f"{number} ACK", again.one(header))
    assert rig.media.answers == [ANSWER.encode()]
    rig.hear(peer.ack())
    assert [each.method for each in rig.wait(90_000)][-1:] == ["INVITE"]


@pytest.mark.parametrize("allow", ["INVITE, UPDATE", "INVITE, ACK, BYE"])
def test_a_refresh_whose_credentials_are_not_taken_is_not_said_a_third_time_at_once(
    allow: str,
) -> None:
    """The caller still talks to us: whether the session is over is the other end's to say (RFC 4028 section 10)."""
    rig, peer, refresh = refresher(allow)
    again = said_again(rig, refresh, 401, "Authorization")
    said = rig.hear(challenge(again, asking()))
    assert [each.method for each in said] == (["ACK"] if again.method == "INVITE" else [])
    assert rig.wait(14_000) == []
    assert rig.heard[0].refreshes_refused == [(401, 3)]
    assert [each.method for each in rig.wait(1_000)][:1] == ["INVITE"], "later, while it lasts"
    assert rig.heard[0].over == []
    [ok] = rig.hear(peer.request("INFO", "Signal=0\r\n", kind="application/dtmf-relay"))
    assert ok.status == 200


def by_both(rig: Rig, asked: Said) -> Said:
    """Its proxy asks first, then who is behind it, by the same name; returns what both are shown."""
    asked = said_again(rig, asked, 407, "Proxy-Authorization")
    again = said_again(rig, asked, 401, "Authorization")
    shown = [said_in(again.one(name)) for name in ("Proxy-Authorization", "Authorization")]
    counts = [each["nc"] for each in shown]
    assert counts == ["00000002", "00000001"], "each use of a nonce has a count of its own"
    for each in shown:
        assert each["response"] == proof(each, again.line.split()[1], method=again.method)
    return again


def test_a_call_is_shown_to_its_proxy_and_to_who_is_behind_it() -> None:
    """RFC 3261 section 22.3: each realm is answered, and what the one before was shown stays."""
    rig, heard, _, invite = dialled()
    again = by_both(rig, invite)
    [ack] = rig.hear(reply_to(again, 200, CONTACT, to_tag="p", body=ANSWER))
    for name in ("Proxy-Authorization", "Authorization"):
        assert ack.one(name) == again.one(name)
    assert heard.up == 1


def test_a_proxy_that_asks_again_behind_the_far_end_has_refused_us() -> None:
    rig, heard, _, invite = dialled()
    [ack] = rig.hear(challenge(by_both(rig, invite), asking(), status=407))
    assert (ack.method, heard.failed) == ("ACK", [TransferOutcome.UNAUTHORIZED])


@pytest.mark.parametrize("method", ["BYE", "REFER", "UPDATE", "INVITE"])
def test_what_is_asked_within_a_call_is_shown_to_both_too(method: str) -> None:
    rig, _, asked = refresher("INVITE, ACK, BYE" if method == "INVITE" else "INVITE, UPDATE")
    if method == "REFER":
        rig.calls[0].refer(PERSON)
        [asked] = rig.taken()
    elif method == "BYE":
        rig.calls[0].hang_up()
        [asked] = rig.taken()
    assert asked.method == method
    again = by_both(rig, asked)
    assert again.method == method
    assert rig.heard[0].over == (["us"] if method == "BYE" else [])


def test_what_a_forking_proxy_collected_is_answered_at_once() -> None:
    """RFC 3261 section 16.7: it puts the challenges of all that it asked into one answer."""
    rig, _, _, invite = dialled()
    asked = [
        f"WWW-Authenticate: {asking('SHA-256')}",
        f"WWW-Authenticate: {asking()}",
        'WWW-Authenticate: Digest realm="desk", nonce="n2"',
        f"Proxy-Authenticate: {asking()}",
    ]
    _, again = rig.hear(reply_to(invite, 401, *asked, to_tag="c"))
    shown = [said_in(each) for each in again.all("Authorization")]
    assert [(each["realm"], each["algorithm"]) for each in shown] == [
        ("pbx, of ours", "SHA-256"),
        ("desk", "MD5"),
    ]
    assert len(again.all("Proxy-Authorization")) == 1


def test_who_asks_by_ever_new_names_is_not_answered_for_ever() -> None:
    rig, heard, _, asked = dialled()
    for number in range(4):
        _, asked = rig.hear(challenge(asked, f'Digest realm="r{number}", nonce="n"'))
    [ack] = rig.hear(challenge(asked, 'Digest realm="r4", nonce="n"'))
    assert (ack.method, heard.failed) == ("ACK", [TransferOutcome.UNAUTHORIZED])


@pytest.mark.parametrize("stale", ["", ", stale=true"])
def test_credentials_that_are_not_taken_are_not_shown_again(stale: str) -> None:
    rig, heard, _, invite = dialled()
    _, again = rig.hear(challenge(invite, asking()))
    [ack] = rig.hear(challenge(again, asking() + stale))
    assert (ack.method, ack.one("CSeq")) == ("ACK", "2 ACK")
    assert heard.failed == [TransferOutcome.UNAUTHORIZED]
    rig.wait(32_000)
    assert rig.empty


@pytest.mark.parametrize(
    "asked",
    [
        "Basic realm=x",
        'Digest realm="x"',
        'Digest realm="a\\"b", nonce="c"',
        'Digest realm="x", nonce="c", algorithm=MD5-sess',
        'Digest realm="x", nonce="c", qop="auth-int"',
        f'Digest realm="x", nonce="{"c" * 513}"',
        "Digest",
    ],
)
def test_a_challenge_that_means_nothing_is_not_answered(asked: str) -> None:
    rig, heard, _, invite = dialled()
    [ack] = rig.hear(challenge(invite, asked))
    assert ack.method == "ACK"
    assert heard.failed == [TransferOutcome.UNAUTHORIZED]


def test_without_credentials_of_the_trunk_nobody_is_reached() -> None:
    rig, heard, _, invite = dialled(None)
    [ack] = rig.hear(challenge(invite, asking()))
    assert (ack.method, heard.failed) == ("ACK", [TransferOutcome.UNAUTHORIZED])


def test_a_trunk_that_only_asks_us_is_not_asked_itself() -> None:
    """And where both are asked, each shows its own."""
    for digest in (None, Digest("pbx", "theirs")):
        rig, heard = (
            Rig(settings(trunks=(replace(LOCAL, digest=digest, outbound_digest=OURS),))),
            HeardDial(),
        )
        rig.exchange.dial("carrier", PERSON, rig.media, "", WAY, heard)
        [invite] = rig.taken()
        _, again = rig.hear(challenge(invite, asking()))
        assert said_in(again.one("Authorization"))["username"] == "clinic"
        [answer] = rig.hear(Peer(call_id="theirs").invite())
        assert answer.status == (180 if digest is None else 401)


def test_who_gave_up_before_the_challenge_shows_nothing() -> None:
    rig, heard, call, invite = dialled()
    rig.hear(reply_to(invite, 100))
    call.hang_up()
    [cancel] = rig.taken()
    rig.hear(reply_to(cancel, 200))
    [ack] = rig.hear(challenge(invite, asking()))
    assert (ack.method, heard.failed) == ("ACK", [TransferOutcome.NO_ANSWER])


def test_a_cancel_after_the_second_request_is_the_second_one_s() -> None:
    rig, _, call, invite = dialled()
    _, again = rig.hear(challenge(invite, asking()))
    call.hang_up()
    assert rig.taken() == [], "it has not been heard yet"
    [cancel] = rig.hear(reply_to(again, 180, to_tag="p"))
    assert (cancel.one("Via"), cancel.one("CSeq")) == (again.one("Via"), "2 CANCEL")


def test_a_refusal_that_comes_again_is_acknowledged_as_the_first_request_s() -> None:
    rig, _, _, invite = dialled()
    refused = challenge(invite, asking())
    ack, _ = rig.hear(refused)
    assert rig.hear(refused) == [ack]


# ---- over the wire, both ends ours -----------------------------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def house(digest: Digest) -> SignallingSettings:
    trunk = TrunkSettings("pbx", ("127.0.0.0/8",), transports=("udp",), digest=digest)
    return SignallingSettings((Listen("udp", "127.0.0.1", 0),), (trunk,))


@pytest.mark.wire
@pytest.mark.parametrize("known", [True, False])
async def test_our_own_stack_asks_and_answers(
    known: bool, told: list[Event], capfd: pytest.CaptureFixture[str]
) -> None:
    taker = Taker()
    shown = OURS if known else Digest("clinic", PASSWORD + "!")
    async with Trunks(house(OURS), taker) as called, Trunks(house(shown), Taker()) as calling:
        target = f"sip:desk@127.0.0.1:{called.ports['udp']};transport=udp"
        async with asyncio.timeout(60):
            if known:
                leg = await calling.dial("pbx", target, FakeMedia())
                leg.hang_up()
                assert await leg.over() == "us"
                await taker.up.wait()
            else:
                with pytest.raises(NotReached) as fault:
                    await calling.dial("pbx", target, FakeMedia())
                assert fault.value.outcome is TransferOutcome.UNAUTHORIZED
        assert len(taker.calls) == known
    written = "".join(capfd.readouterr()) + repr(told) + repr(house(shown))
    assert PASSWORD not in written
    assert "Digest realm" not in written
