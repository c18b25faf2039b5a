"""A gateway behind the edge calls a person itself: through the edge, to the networks of a trunk that may be called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pipeline.sip.ports import NotReached, TransferOutcome
from pipeline.sip.settings import Digest, Listen, SignallingSettings, TrunkSettings
from pipeline.sip.trunk import Trunks
from tests.edge.edge import (
    CARRIER,
    GATEWAY,
    INNER,
    LIMIT_S,
    OTHER,
    OUTER,
    Carrier,
    Edge,
    Line,
    carrier,
    header,
    place_in,
    running,
    sdp,
)
from tests.ports import free_port
from tests.sip.rig import FakeMedia, Taker

pytestmark = [pytest.mark.wire, pytest.mark.sip]

PORT = free_port()


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge whose first trunk may be called."""
    with running(tmp_path_factory.mktemp("edge"), (PORT,), called=("carrier",)) as found:
        yield found


class Media(FakeMedia):
    """Offers sound at the gateway's own address."""

    def offer(self) -> bytes:
        return sdp(40_000, host=GATEWAY).encode()


def gateway(edge: Edge, digest: Digest | None = None) -> Trunks:
    """Our own signalling at the edge's gateway's place."""
    proxy = f"sip:{INNER}:{edge.plan.inner_port};transport=tls"
    trunk = TrunkSettings("edge", (f"{INNER}/32",), digest=digest, outbound_proxy=proxy)
    return Trunks(
        SignallingSettings(
            (Listen("tls", GATEWAY, PORT),),
            (trunk,),
            certificate_file=edge.gateways.chain,
            key_file=edge.gateways.key,
            carrier_ca_file=edge.own.authority,
        ),
        Taker(),
    )


async def invited(there: Carrier) -> tuple[Line, str]:
    """The connection that the edge made to the carrier's proxy, and the call that came by it."""
    async with asyncio.timeout(LIMIT_S):
        line = await there.came.get()
    return line, await line.of("INVITE")


def of(there: Carrier) -> str:
    return f"sip:desk@{there.host}:{there.proxy_port};transport=tls"


async def test_a_person_is_called_through_the_edge_and_the_call_goes_on_through_it(
    edge: Edge,
) -> None:
    media = Media()
    async with carrier(edge) as there, gateway(edge, Digest("clinic", "secret")) as inside:
        dialling = asyncio.create_task(inside.dial("edge", of(there), media))
        line, invite = await invited(there)
        assert invite.startswith(f"INVITE {of(there)} SIP/2.0")
        assert header(invite, "Route") == []
        assert f"sip:{OUTER}:" in header(invite, "Record-Route")[0]
        assert place_in(invite)[0] == OUTER, "its sound goes through the edge"
        line.answer(invite, 407, 'Proxy-Authenticate: Digest realm="c", nonce="n"', tag="x")
        again = await line.of("INVITE")
        assert 'username="clinic"' in header(again, "Proxy-Authorization")[0]
        contact = f"Contact: <sip:desk@{CARRIER}:{there.proxy_port};transport=tls>"
        line.answer(again, 200, contact, tag="p", body=sdp(30_000))
        await line.of("ACK")
        leg = await dialling
        assert place_in(media.answers[0].decode())[0] == INNER
        leg.hang_up()
        line.answer(await line.of("BYE"), 200)
        async with asyncio.timeout(LIMIT_S):
            assert await leg.over() == "us"
        await line.close()


async def test_a_telephone_that_rings_is_given_up_through_the_edge(edge: Edge) -> None:
    async with carrier(edge) as there, gateway(edge) as inside:
        dialling = asyncio.create_task(inside.dial("edge", of(there), Media()))
        line, invite = await invited(there)
        line.answer(invite, 180, tag="p")
        dialling.cancel()
        await asyncio.wait({dialling})
        cancel = await line.of("CANCEL")
        line.answer(cancel, 200)
        line.answer(invite, 487, tag="p")
        await line.of("ACK")
        await line.close()


async def test_nobody_is_called_in_a_network_of_a_trunk_that_may_not_be(edge: Edge) -> None:
    async with carrier(edge, OTHER) as there, gateway(edge) as inside:
        with pytest.raises(NotReached) as fault:
            async with asyncio.timeout(LIMIT_S):
                await inside.dial("edge", of(there), Media())
        assert fault.value.outcome is TransferOutcome.REFUSED
        assert there.came.empty()


def test_the_log_says_that_somebody_tried_and_no_name(edge: Edge) -> None:
    """After the test above: the script's own line, and nothing of the message."""
    assert b"none of its call's" in edge.written()
    assert b"desk" not in edge.written()
