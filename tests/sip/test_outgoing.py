"""A second leg: we call a person, who answers, is busy, or does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from pipeline.sip.outgoing import OutgoingCall
from pipeline.sip.paths import Path
from pipeline.sip.ports import TransferOutcome
from pipeline.sip.trunk import NotReached
from tests.sip.conftest import Certificate
from tests.sip.lines import StreamLine, tls_proxy, trunks, udp_line
from tests.sip.rig import LOCAL, OFFER, TLS, FakeMedia, Heard, Rig, Taker
from tests.sip.shapes import Said, reply_to

PERSON = "sip:+12025550100@127.0.0.1:5090;transport=udp"
WAY = Path("udp", "127.0.0.1", 5090, "127.0.0.1", 5070)
CONTACT = "Contact: <sip:person@127.0.0.1:5091>"
ANSWER = "v=0\r\nperson\r\n"


@dataclass
class HeardDial(Heard):
    """What the listener of a call of ours was told."""

    failed: list[TransferOutcome] = field(default_factory=list)

    def on_failed(self, outcome: TransferOutcome) -> None:
        self.failed.append(outcome)


def dialled(caller: str = "") -> tuple[Rig, HeardDial, OutgoingCall, Said]:
    rig, heard = Rig(), HeardDial()
    call = rig.exchange.dial("carrier", PERSON, rig.media, caller, WAY, heard)
    [invite] = rig.taken()
    assert (invite.line, invite.body) == (f"INVITE {PERSON} SIP/2.0", OFFER)
    return rig, heard, call, invite


def test_a_person_answers_and_either_side_ends_it() -> None:
    rig, heard, call, invite = dialled(caller="+12025550199")
    assert invite.one("From").startswith("<sip:+12025550199@127.0.0.1:5070>;tag=")
    assert rig.hear(reply_to(invite, 180, to_tag="p")) == []
    routes = ("Record-Route: <sip:a@127.0.0.1:5092;lr>", "Record-Route: <sip:b@127.0.0.1:5093;lr>")
    ok = reply_to(invite, 200, CONTACT, *routes, to_tag="p", body=ANSWER)
    [ack] = rig.hear(ok)
    assert ack.line == "ACK sip:person@127.0.0.1:5091 SIP/2.0"
    assert ack.all("Route") == ["<sip:b@127.0.0.1:5093;lr>", "<sip:a@127.0.0.1:5092;lr>"]
    assert ack.one("Via") != invite.one("Via")
    assert (heard.up, rig.media.answers) == (1, [ANSWER.encode()])
    assert rig.hear(ok) == [ack], "a 2xx that comes again is acknowledged again"
    call.hang_up()
    [bye] = rig.taken()
    assert (bye.method, bye.one("CSeq")) == ("BYE", "2 BYE")
    rig.hear(reply_to(bye, 200))
    assert heard.over == ["us"]
    rig.wait(32_000)
    assert rig.empty


def test_a_talk_with_a_person_outlasts_a_call_with_a_worker() -> None:
    rig, heard, _, invite = dialled()
    rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
    assert rig.wait(14_399_000) == []
    assert {one.method for one in rig.wait(2_000)} == {"BYE"}
    assert heard.over == ["limit"]


@pytest.mark.parametrize("refresher", [";refresher=uac", ""])
def test_a_session_that_the_person_s_side_limits_is_refreshed_as_long_as_they_talk(
    refresher: str,
) -> None:
    """RFC 4028 section 7.2: exchanges set a timer in their 200 where we say that we know them."""
    rig, heard, _, invite = dialled()
    assert invite.one("Supported") == "timer"
    limit = (f"Session-Expires: 180{refresher}", "Allow: INVITE, UPDATE")
    rig.hear(reply_to(invite, 200, CONTACT, *limit, to_tag="p", body=ANSWER))
    for _ in range(3):
        [update] = rig.wait(90_000)
        assert (update.method, update.one("Session-Expires")) == ("UPDATE", "180;refresher=uac")
        rig.hear(reply_to(update, 200, CONTACT))
    assert heard.over == []


def test_who_made_the_call_tries_a_refresh_that_met_theirs_again_after_the_other_side() -> None:
    """RFC 3261 section 14.1: between 2.1 and 4 s; within 2 s they do, and both would meet again."""
    rig, _, _, invite = dialled()
    limit = ("Session-Expires: 180;refresher=uac", "Allow: INVITE, UPDATE")
    rig.hear(reply_to(invite, 200, CONTACT, *limit, to_tag="p", body=ANSWER))
    [update] = rig.wait(90_000)
    for _ in range(20):
        rig.hear(reply_to(update, 491))
        assert rig.wait(2_099) == []
        update, *_ = rig.wait(1_901)  # and again, until it is answered


def test_a_session_that_the_person_s_side_keeps_and_does_not_is_over() -> None:
    rig, heard, _, invite = dialled()
    limit = "Session-Expires: 180;refresher=uas"
    rig.hear(reply_to(invite, 200, CONTACT, limit, to_tag="p", body=ANSWER))
    assert rig.wait(147_000) == []
    assert [one.method for one in rig.wait(2_000)][:1] == ["BYE"]
    assert heard.over == ["timeout"]


def test_the_connection_by_which_a_person_answered_is_used_as_long_as_they_talk() -> None:
    """Else it would be closed as idle, and their BYE would have nowhere to go."""
    rig, heard = Rig(path=TLS), HeardDial()
    target = "sip:+12025550100@127.0.0.1:5091;transport=tls"
    way = replace(TLS, port=5091, connection=0)
    call = rig.exchange.dial("carrier", target, rig.media, "", way, heard)
    [invite] = rig.taken()
    theirs = replace(TLS, port=5091, connection=7)
    rig.hear(reply_to(invite, 180, to_tag="p"), theirs)
    assert rig.exchange.uses(7)
    rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER), theirs)
    assert rig.exchange.uses(7)
    call.hang_up()
    [bye] = rig.taken()
    way_of_bye = rig.ways[-1].path
    assert way_of_bye is not None
    assert way_of_bye.connection == 7
    rig.hear(reply_to(bye, 200), theirs)
    assert not rig.exchange.uses(7)


def test_the_person_hangs_up() -> None:
    rig, heard, _, invite = dialled()
    rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
    ours, theirs = invite.one("From"), invite.one("To") + ";tag=p"
    bye = (
        f"BYE sip:wardline@127.0.0.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5091;branch=z9hG4bKp1\r\n"
        f"From: {theirs}\r\nTo: {ours}\r\nCall-ID: {invite.one('Call-ID')}\r\nCSeq: 7 BYE\r\n\r\n"
    )
    [ok] = rig.hear(bye.encode())
    assert ok.status == 200
    assert heard.over == ["caller"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (486, TransferOutcome.BUSY),
        (480, TransferOutcome.NO_ANSWER),
        (603, TransferOutcome.REFUSED),
        (404, TransferOutcome.REFUSED),
        (407, TransferOutcome.UNAUTHORIZED),
    ],
)
def test_a_person_who_is_not_reached(status: int, outcome: TransferOutcome) -> None:
    rig, heard, _, invite = dialled()
    refused = reply_to(invite, status, to_tag="p")
    [ack] = rig.hear(refused)
    assert ack.method == "ACK"
    assert ack.one("Via") == invite.one("Via")
    assert ack.one("To").endswith(";tag=p")
    assert rig.hear(refused) == [ack]
    assert heard.failed == [outcome]
    rig.wait(32_000)
    assert rig.empty


def within(invite: Said, method: str, *extra: str, tag: str = "p", body: str = "") -> bytes:
    """A request of the person's side."""
    lines = (
        f"{method} sip:wardline@127.0.0.1:5070 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5091;branch=z9hG4bK{method}{tag}{len(body)}",
        f"From: {invite.one('To')};tag={tag}",
        f"To: {invite.one('From')}",
        f"Call-ID: {invite.one('Call-ID')}",
        f"CSeq: 7 {method}",
        CONTACT,
        *extra,
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def test_what_is_said_while_it_rings_is_no_call_that_nobody_knows() -> None:
    """Who is told 481 ends the call: exchanges update whose telephone rings."""
    rig, heard, call, invite = dialled()
    assert rig.hear(within(invite, "UPDATE"))[0].status == 481, "nothing rings yet"
    rig.hear(reply_to(invite, 180, to_tag="p"))
    [ok] = rig.hear(within(invite, "UPDATE", tag="p"))
    assert (ok.status, ok.one("To")) == (200, invite.one("From"))
    kind = "Content-Type: application/sdp"
    assert rig.hear(within(invite, "UPDATE", kind, body=ANSWER))[0].status == 491
    assert rig.hear(within(invite, "NOTIFY"))[0].status == 481
    assert rig.hear(within(invite, "OPTIONS", tag="q"))[0].status == 481, "another one's tag"
    rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
    assert heard.up == 1
    call.hang_up()
    [bye] = rig.taken()
    rig.hear(reply_to(bye, 200))
    rig.wait(64_000)
    assert rig.empty
    assert rig.hear(within(invite, "OPTIONS", tag="p"))[0].status == 481


def test_of_two_telephones_that_rang_the_one_that_answered_is_heard() -> None:
    rig, heard, _, invite = dialled()
    for tag in ("p", "q"):
        rig.hear(reply_to(invite, 180, to_tag=tag))
    rig.hear(reply_to(invite, 200, CONTACT, to_tag="q", body=ANSWER))
    assert rig.hear(within(invite, "BYE", tag="p"))[0].status == 481
    assert rig.hear(within(invite, "BYE", tag="q"))[0].status == 200
    assert heard.over == ["caller"]


def test_a_person_who_lets_it_ring_is_cancelled() -> None:
    rig, heard, _, invite = dialled()
    rig.hear(reply_to(invite, 180, to_tag="p"))
    [cancel] = rig.wait(60_000)
    assert cancel.method == "CANCEL"
    assert cancel.one("Via") == invite.one("Via")
    assert heard.failed == [TransferOutcome.NO_ANSWER]
    rig.hear(reply_to(cancel, 200))
    [ack] = rig.hear(reply_to(invite, 487, to_tag="p"))
    assert ack.method == "ACK"
    rig.wait(32_000)
    assert rig.empty


def test_a_cancel_waits_for_the_first_answer() -> None:
    rig, heard, call, invite = dialled()
    call.hang_up()
    assert rig.taken() == []
    [cancel] = rig.hear(reply_to(invite, 100))
    assert cancel.method == "CANCEL"
    assert heard.failed == [TransferOutcome.NO_ANSWER]
    rig.wait(64_000)
    assert rig.empty, "neither CANCEL nor INVITE was ever answered"


def test_who_answers_too_late_is_hung_up_on() -> None:
    rig, heard, call, invite = dialled()
    rig.hear(reply_to(invite, 180, to_tag="p"))
    call.hang_up()
    rig.taken()
    ack, bye = rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert (heard.up, heard.failed) == (0, [TransferOutcome.NO_ANSWER])
    rig.hear(reply_to(bye, 200))
    rig.wait(40_000)
    assert rig.empty


def test_a_second_phone_that_answers_is_hung_up_on() -> None:
    rig, heard, _, invite = dialled()
    rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
    ack, bye = rig.hear(reply_to(invite, 200, CONTACT, to_tag="q", body=ANSWER))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert bye.one("To").endswith(";tag=q")
    assert (heard.up, heard.over) == (1, [])


def test_nobody_there_is_no_answer() -> None:
    rig, heard, _, _ = dialled()
    rig.wait(32_000)
    assert heard.failed == [TransferOutcome.NO_ANSWER]
    assert rig.empty


def test_media_that_refuse_the_answer_end_it() -> None:
    rig, heard, _, invite = dialled()
    rig.media.refuses = "no_codec"
    ack, bye = rig.hear(reply_to(invite, 200, CONTACT, to_tag="p", body=ANSWER))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert heard.refused == ["no_codec"]


@pytest.mark.parametrize(
    ("target", "caller"),
    [("tel:+12025550100", ""), ("sip:9911@127.0.0.1", ""), ("sip:a@", ""), (PERSON, "Jane"), (PERSON, "1>")],
)  # fmt: skip
def test_what_is_no_target_or_number_is_not_sent(target: str, caller: str) -> None:
    rig = Rig()
    with pytest.raises(ValueError, match=r"target|number"):
        rig.exchange.dial("carrier", target, rig.media, caller, WAY, HeardDial())
    assert rig.taken() == []


@pytest.mark.wire
async def test_dialling_over_udp(certificate: Certificate) -> None:
    async with trunks(certificate, Taker()) as running, asyncio.TaskGroup() as group:
        line = await udp_line(running.ports["udp"])
        target = f"sip:+12025550100@127.0.0.1:{line.port};transport=udp"

        async def person() -> None:
            invite = await line.read()
            contact = f"Contact: <sip:p@127.0.0.1:{line.port}>"
            line.send(reply_to(invite, 200, contact, to_tag="p", body=ANSWER))
            assert (await line.read()).method == "ACK"
            bye = await line.read()
            assert bye.method == "BYE"
            line.send(reply_to(bye, 200))
            refused = await line.read()
            line.send(reply_to(refused, 486, to_tag="q"))
            assert (await line.read()).method == "ACK"

        group.create_task(person())
        leg = await running.dial("carrier", target, FakeMedia())
        leg.hang_up()
        assert await leg.over() == "us"
        with pytest.raises(NotReached) as fault:
            await running.dial("carrier", target, FakeMedia())
        assert fault.value.outcome is TransferOutcome.BUSY
        with pytest.raises(ValueError, match="fit"):
            await running.dial("carrier", "sip:a@192.0.2.1;transport=udp", FakeMedia())
    await line.close()


@pytest.mark.wire
@pytest.mark.parametrize(
    ("host", "transport", "fault"),
    [("127.0.0.1", "tcp", ValueError), ("localhost", "tcp", NotReached), ("127.0.0.1", "udp", ValueError)],
)  # fmt: skip
async def test_a_trunk_s_call_goes_to_no_other_trunk_s_network(
    certificate: Certificate, host: str, transport: str, fault: type[Exception]
) -> None:
    """By an address, and by a name that leads there."""
    others = (
        replace(LOCAL, name="one", networks=("192.0.2.0/24",)),
        replace(LOCAL, name="two", networks=("127.0.0.0/8", "::1/128")),
    )
    came: list[asyncio.StreamWriter] = []
    there = await asyncio.start_server(lambda _, writer: came.append(writer), "127.0.0.1", 0)
    port = there.sockets[0].getsockname()[1]
    async with trunks(certificate, Taker(), trunks=others, transfer_limit_ms=1e3) as running:
        target = f"sip:a@{host}:{port};transport={transport}"
        with pytest.raises(fault):
            await running.dial("one", target, FakeMedia())
    for writer in came:
        writer.close()
    there.close()
    await there.wait_closed()
    assert came == [], "it is the other's"


async def answers(came: asyncio.Queue[StreamLine], port: int, after_s: float = 0.0) -> None:
    """Somebody who is called over TLS, answers after a while, and is hung up on."""
    line = await came.get()
    invite = await line.read()
    assert invite.one("Via").startswith("SIP/2.0/TLS 127.0.0.1:")
    await asyncio.sleep(after_s)
    contact = f"Contact: <sip:p@127.0.0.1:{port};transport=tls>"
    line.send(reply_to(invite, 200, contact, to_tag="p", body=ANSWER))
    assert (await line.read()).method == "ACK"
    line.send(reply_to(await line.read(), 200))
    await line.close()


@pytest.mark.wire
async def test_a_connection_of_ours_may_be_silent_while_the_telephone_rings(
    certificate: Certificate,
) -> None:
    async with tls_proxy(certificate) as (port, came):
        async with (
            trunks(certificate, Taker(), message_limit_ms=200.0) as running,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(answers(came, port, after_s=0.5))
            leg = await running.dial(
                "carrier", f"sip:a@127.0.0.1:{port};transport=tls", FakeMedia()
            )
            leg.hang_up()
            async with asyncio.timeout(60):
                assert await leg.over() == "us"
        assert came.empty()


@pytest.mark.wire
async def test_dialling_over_tls_opens_one_connection_and_keeps_to_it(
    certificate: Certificate,
) -> None:
    async with tls_proxy(certificate) as (port, came):
        async with trunks(certificate, Taker()) as running, asyncio.TaskGroup() as group:
            group.create_task(answers(came, port))
            leg = await running.dial(
                "carrier", f"sip:a@127.0.0.1:{port};transport=tls", FakeMedia()
            )
            leg.hang_up()
            assert await leg.over() == "us"
        assert came.empty()
