"""Our bad network: as many losses as were asked for, in bursts as long, the same for a seed; and no way around it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bench.errors import MediaUnreachable
from bench.load.relay import Luck, Relay
from bench.load.scenario import Weather

SDP = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.7 5000 typ host\r\n"
    "a=candidate:2 1 udp 2130706431 127.0.0.1 {port} typ host\r\n"
    "a=candidate:3 1 udp 1694498815 198.51.100.9 5000 typ srflx raddr 127.0.0.1 rport 9\r\n"
    "a=end-of-candidates\r\n"
)


def losses(weather: Weather, seed: str, count: int = 40_000) -> list[bool]:
    luck = Luck(weather, seed)
    return [luck.loses() for _ in range(count)]


@pytest.mark.parametrize(("loss", "burst"), [(0.03, 1.0), (0.03, 4.0), (0.2, 2.0)])
def test_as_many_are_lost_as_were_asked_for_in_bursts_as_long(loss: float, burst: float) -> None:
    lost = losses(Weather(loss=loss, burst=burst), "7 up")
    assert sum(lost) / len(lost) == pytest.approx(loss, rel=0.2)
    bursts = sum(now and not before for before, now in pairwise(lost))
    assert sum(lost) / bursts == pytest.approx(
        max(burst, 1 / (1 - loss) if burst > 1 else 1.0), rel=0.2
    )


def test_a_seed_is_a_network() -> None:
    weather = Weather(loss=0.1, jitter_ms=40)
    assert losses(weather, "1 up", 500) == losses(weather, "1 up", 500)
    assert losses(weather, "1 up", 500) != losses(weather, "1 down", 500)
    luck = Luck(Weather(delay_ms=10, jitter_ms=40), "1 up")
    delays = [luck.delay_ms() for _ in range(500)]
    assert 10 <= min(delays) < 15
    assert 45 < max(delays) <= 50
    assert not any(losses(Weather(), "1 up", 500))


class End(asyncio.DatagramProtocol):
    """Whoever is at one end of the relay."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.more = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        self.more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self.more.clear()
                await self.more.wait()


def ports(sdp: str) -> list[int]:
    return [int(line.split()[5]) for line in sdp.splitlines() if line.startswith("a=candidate")]


@pytest.mark.wire
async def test_each_side_sees_the_other_at_the_relay_and_nowhere_else() -> None:
    loop = asyncio.get_running_loop()
    async with Relay(Weather(loss=0.5, burst=2), 3) as relay:
        page_end, page = await loop.create_datagram_endpoint(End, local_addr=("127.0.0.1", 0))
        server_end, server = await loop.create_datagram_endpoint(End, local_addr=("127.0.0.1", 0))
        where = {end: end.get_extra_info("sockname")[1] for end in (page_end, server_end)}
        to_page, again = ports(relay.offer(SDP.format(port=where[page_end]) * 2))
        to_server, _ = ports(relay.answer(SDP.format(port=where[server_end]) * 2))
        assert again == to_page  # sound and messages are two sections, on one path
        assert len({to_page, to_server, *where.values()}) == 4
        page_end.sendto(b"from the page", ("127.0.0.1", to_server))
        server_end.sendto(b"from the server", ("127.0.0.1", to_page))
        await page.until(1)
        await server.until(1)
        assert (page.heard, server.heard) == ([b"from the server"], [b"from the page"])
        relay.begin()
        for number in range(200):
            relay.take(b"%d" % number, 0)
        assert relay.lost[0] + relay.passed[0] == 200
        await server.until(1 + relay.passed[0])
        assert 60 < relay.lost[0] < 140
        for end in (page_end, server_end):
            end.close()
    await asyncio.sleep(0)  # the loop closes them after this turn


@pytest.mark.wire
async def test_who_is_on_another_machine_cannot_be_relayed() -> None:
    with pytest.raises(MediaUnreachable):
        async with Relay(Weather(), 1) as relay:
            relay.offer(SDP.format(port=9).replace("127.0.0.1", "192.0.2.8"))
