"""Which ports are bound, which addresses are offered, and whose candidates count."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import aioice.ice
import psutil  # type: ignore[import-untyped]  # ships no annotations
import pytest

from models.ports import Spoken
from pipeline.errors import NoMediaPath, StartUpError
from pipeline.transports import ice
from pipeline.transports.ice import addresses_to_offer, allowed_networks, usable_candidates
from pipeline.transports.sdp import read_offer
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import RecordingCall
from tests.transports.browser import Browser, calling, until, visit_of
from tests.transports.ready_door import ReadyDoor
from tests.transports.test_sdp import AUDIO, CANDIDATE, DATA, SESSION, text

LOCAL = ("127.0.0.1",)


def udp_ports() -> set[int]:
    found = psutil.Process().net_connections(kind="udp")
    return {connection.laddr.port for connection in found if connection.laddr}


def free_range(count: int) -> int:
    """The first of so many UDP ports in a row that nobody holds."""
    for first in range(42_000, 60_000, count):
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
        return first
    raise AssertionError("no free ports")


@pytest.fixture
def no_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    asked: list[str] = []

    async def resolve(*_: object) -> None:
        asked.append("mdns")
        raise AssertionError("a name of the caller was looked up")

    monkeypatch.setattr(aioice.ice, "get_or_create_mdns_protocol", resolve)
    yield asked
    assert asked == []


def named(sdp: str) -> str:
    """The offer as a browser writes it that hides its addresses."""
    hidden = "0b3a4c1e-6f0d-4c58-9d2b-7c1f7c0e2a55.local"
    lines = [
        line.replace(" 127.0.0.1 ", f" {hidden} ") if line.startswith("a=candidate") else line
        for line in sdp.splitlines()
    ]
    assert sum(hidden in line for line in lines) > 0
    return "\r\n".join(lines) + "\r\n"


# --- ports -------------------------------------------------------------------------------------------


@pytest.mark.wire
async def test_only_ports_of_the_range_are_bound_and_a_full_range_is_a_clear_refusal() -> None:
    first = free_range(2)
    settings = MediaSettings(media_addresses=LOCAL, port_min=first, port_max=first + 1)
    browser = Browser()
    sdp = await browser.offer()
    before = await asyncio.to_thread(udp_ports)
    calls = [RecordingCall(f"call-{number}") for number in range(4)]
    async with ReadyDoor(settings) as door:
        await door.offer(sdp, calls[0])
        assert len(await asyncio.to_thread(udp_ports) - before) == 1
        await door.offer(sdp, calls[1])
        assert await asyncio.to_thread(udp_ports) - before == {first, first + 1}
        with pytest.raises(NoMediaPath, match="port_min"):
            await door.offer(sdp, calls[2])
        assert (door.calls, door.pending_offers) == (2, 2)
        door.drop("call-0", "caller")
        await until(lambda: door.calls == 1)
        await door.offer(sdp, calls[3])
        assert await asyncio.to_thread(udp_ports) - before == {first, first + 1}
    await browser.close()
    assert calls[2].hung_up == []
    assert await asyncio.to_thread(udp_ports) <= before


@pytest.mark.wire
async def test_a_call_inside_a_port_range_connects() -> None:
    first = free_range(1)
    settings = MediaSettings(media_addresses=LOCAL, port_min=first, port_max=first)
    call = RecordingCall()
    async with ReadyDoor(settings) as door, calling(door.offer, call) as browser:
        await until(lambda: call.frames > 5 and len(browser.packets) > 5)
        agent = visit_of(door, call).peer.agent
        assert [each.port for each in agent.local_candidates] == [first]
        door.drop(call.call_id, "caller")


@pytest.mark.parametrize("ports", [(5_000, 4_000), (0, 4_000), (4_000, 0), (1, 70_000), (-1, 5)])
def test_a_range_without_ports_is_refused_at_start(ports: tuple[int, int]) -> None:
    with pytest.raises(StartUpError, match=r"media\.port_min"):
        ReadyDoor(MediaSettings(port_min=ports[0], port_max=ports[1]))


# --- addresses ---------------------------------------------------------------------------------------


@pytest.mark.wire
async def test_only_the_configured_address_is_offered_and_it_works() -> None:
    call = RecordingCall()
    async with ReadyDoor(MediaSettings(media_addresses=("127.0.0.2",))) as door:
        browser = Browser()
        answer = await door.offer(await browser.offer(), call)
        offered = {line.split()[4] for line in answer.splitlines() if "a=candidate" in line}
        assert offered == {"127.0.0.2"}
        await browser.accept(answer)
        await until(lambda: call.attached)
        door.drop(call.call_id, "caller")
        await browser.close()


@pytest.mark.wire
async def test_an_address_that_is_not_ours_is_a_clear_refusal() -> None:
    browser = Browser()
    async with ReadyDoor(MediaSettings(media_addresses=("192.0.2.1",))) as door:
        with pytest.raises(NoMediaPath, match="media_addresses"):
            await door.offer(await browser.offer(), RecordingCall())
        assert door.calls == door.pending_offers == 0
    await browser.close()


@pytest.mark.wire
async def test_a_server_outside_its_own_networks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "own_addresses", lambda: ["127.0.0.1", "192.0.2.1"])
    browser = Browser()
    async with ReadyDoor(MediaSettings(allowed_networks=("198.51.100.0/24",))) as door:
        with pytest.raises(NoMediaPath, match="allowed_networks"):
            await door.offer(named(await browser.offer()), RecordingCall())
        assert door.calls == door.pending_offers == 0
    await browser.close()


def test_loopback_is_offered_to_callers_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ice, "own_addresses", lambda: ["127.0.0.1", "::1", "192.0.2.1"])
    settings = MediaSettings(allowed_networks=("127.0.0.0/8", "::1/128", "192.0.2.0/24"))
    networks = allowed_networks(settings)
    everything = ["127.0.0.1", "::1", "192.0.2.1"]

    def offered(address: str) -> list[str]:
        caller = read_offer(offer_from(address)).candidates
        return addresses_to_offer(settings, networks, list(caller))

    assert offered("127.0.0.1") == everything
    assert offered("192.0.2.1") == everything, "another program on this machine"
    assert offered("192.0.2.7") == ["192.0.2.1"]
    assert addresses_to_offer(settings, networks, []) == everything


# --- networks ----------------------------------------------------------------------------------------


def offer_from(*addresses: str) -> str:
    lines = [CANDIDATE.replace("192.0.2.7", address) for address in addresses]
    return text(SESSION + [line for line in AUDIO if line != CANDIDATE] + lines + DATA)


@pytest.mark.parametrize(
    ("addresses", "kept"),
    [
        (["192.0.2.7"], ["192.0.2.7"]),
        (["198.51.100.1", "192.0.2.7"], ["192.0.2.7"]),
        (["a.local", "192.0.2.7"], ["192.0.2.7"]),
        (["a.local"], []),
        (["a.local", "198.51.100.1"], []),
        (["2001:db8::1", "2001:db9::1"], ["2001:db8::1"]),
        (["::ffff:192.0.2.7", "192.0.2.8"], ["192.0.2.8"]),
        (["example.org", "192.0.2.7"], ["192.0.2.7"]),
        (["3221225991", "0300.0.2.7", "192.0.2.7"], ["192.0.2.7"]),
    ],
)
def test_only_addresses_in_the_networks_are_kept(addresses: list[str], kept: list[str]) -> None:
    networks = allowed_networks(MediaSettings(allowed_networks=("192.0.2.0/24", "2001:db8::/32")))
    candidates = read_offer(offer_from(*addresses)).candidates
    assert [each.ip for each in usable_candidates(candidates, networks)] == kept


@pytest.mark.parametrize("addresses", [[], ["198.51.100.1"], ["example.org"], ["::", "224.0.0.1"]])
def test_a_caller_without_an_address_in_the_networks_is_refused(addresses: list[str]) -> None:
    networks = allowed_networks(MediaSettings(allowed_networks=("192.0.2.0/24",)))
    with pytest.raises(NoMediaPath):
        usable_candidates(read_offer(offer_from(*addresses)).candidates, networks)


@pytest.mark.parametrize("network", ["", "here", "192.0.2.0/33", "192.0.2", "10.0.0.0/8/8"])
def test_a_network_that_is_none_is_refused_at_start(network: str) -> None:
    with pytest.raises(StartUpError, match="allowed_networks"):
        ReadyDoor(MediaSettings(allowed_networks=(network,)))


@pytest.mark.wire
async def test_a_caller_outside_the_networks_opens_nothing() -> None:
    browser = Browser()
    sdp = await browser.offer()
    before = await asyncio.to_thread(udp_ports)
    settings = MediaSettings(media_addresses=LOCAL, allowed_networks=("192.0.2.0/24",))
    async with ReadyDoor(settings) as door:
        with pytest.raises(NoMediaPath, match="allowed_networks"):
            await door.offer(sdp, RecordingCall())
        assert door.calls == door.pending_offers == 0
        assert await asyncio.to_thread(udp_ports) == before
    await browser.close()


@pytest.mark.wire
@pytest.mark.usefixtures("no_name_is_resolved")
async def test_foreign_and_named_candidates_are_neither_sent_to_nor_looked_up() -> None:
    call = RecordingCall()
    browser = Browser()
    sdp = await browser.offer()
    foreign = "".join(
        CANDIDATE.replace("192.0.2.7", address) + "\r\n"
        for address in ("192.0.2.9", "printer.local", "example.org")
    )
    async with ReadyDoor(MediaSettings()) as door:
        await browser.accept(await door.offer(sdp + foreign, call))
        await until(lambda: call.attached)
        known = visit_of(door, call).peer.agent.remote_candidates
        assert {each.host for each in known} == {"127.0.0.1"}
        door.drop(call.call_id, "caller")
    await browser.close()


@pytest.mark.wire
@pytest.mark.usefixtures("no_name_is_resolved")
@pytest.mark.parametrize("microphone", [True, False])
async def test_a_caller_who_hides_its_address_connects_through_its_own_checks(
    microphone: bool,
) -> None:
    call = RecordingCall()
    browser = Browser(microphone=microphone)
    async with ReadyDoor(MediaSettings()) as door:
        await browser.accept(await door.offer(named(await browser.offer()), call))
        async with asyncio.timeout(60):
            await browser.connected.wait()
        await until(lambda: call.attached)
        browser.say({"type": "typed", "text": "a synthetic answer"})
        await until(lambda: call.typed and len(browser.packets) > 5)
        assert call.typed == [Spoken("a synthetic answer")]
        assert (call.frames > 0) <= microphone
        known = visit_of(door, call).peer.agent.remote_candidates
        assert {(each.host, each.type) for each in known} == {("127.0.0.1", "prflx")}
        door.drop(call.call_id, "caller")
    await browser.close()


@pytest.mark.wire
@pytest.mark.usefixtures("no_name_is_resolved")
async def test_a_hidden_caller_from_a_foreign_network_is_not_heard() -> None:
    call = RecordingCall()
    browser = Browser()
    settings = MediaSettings(
        media_addresses=LOCAL, allowed_networks=("192.0.2.0/24",), connect_limit_ms=600.0
    )
    async with ReadyDoor(settings) as door:
        await browser.accept(await door.offer(named(await browser.offer()), call))
        visit = next(iter(door._lines[call.call_id].pending))
        await until(lambda: door.calls == 0)
        assert visit.peer.agent.foreign_datagrams > 0, "its checks came and were not answered"
        assert visit.peer.agent.remote_candidates == []
    await browser.close()
    assert call.attached == 0
    assert call.hung_up == ["not_connected"]
