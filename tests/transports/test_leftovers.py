"""Garbage, abandoned offers and floods: the call goes on, and afterwards nothing is left."""

from __future__ import annotations

import asyncio
import os
import random
import socket

import pytest
from aioice import stun

from pipeline.errors import CallRefused
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import EchoCall, RecordingCall
from tests.transports.browser import Browser, calling, until, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire


async def descriptors() -> int:
    return len(await asyncio.to_thread(os.listdir, "/proc/self/fd"))


def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def one_call(door: ReadyDoor, name: str) -> None:
    call = RecordingCall(name)
    async with calling(door.offer, call, microphone=False) as browser:
        browser.say({"type": "bye"})
        await until(lambda: call.hung_up)


async def test_thirty_bad_offers_leave_no_task_socket_or_descriptor() -> None:
    rng = random.Random(3)
    settings = MediaSettings(connect_limit_ms=300.0, max_pending_offers=30)
    async with ReadyDoor(settings) as door:
        await one_call(door, "warm-up")  # what a process opens once is not a leak
        await until(lambda: door.calls == 0)
        browser = Browser(microphone=False)
        good = await browser.offer()
        before, tasks = await descriptors(), others()
        calls = [RecordingCall(f"call-{number}") for number in range(30)]
        for number, call in enumerate(calls):
            match number % 5:
                case 0:  # an abandoned tab
                    await door.offer(good, call)
                case 1:  # left before it connected
                    await door.offer(good, call)
                    door.drop(call.call_id, "caller")
                case 2:  # asked twice and came never
                    await door.offer(good, call)
                    await door.offer(good, call)
                case 3:  # cut off
                    with pytest.raises(CallRefused):
                        await door.offer(good[: rng.randrange(len(good) // 2)], call)
                case _:  # noise
                    with pytest.raises(CallRefused):
                        await door.offer(rng.randbytes(2_000).decode("latin-1"), call)
        assert await descriptors() > before, "sockets were opened, or this counts nothing"
        await until(lambda: door.calls == 0 and not others() - tasks)
        assert door.pending_offers == 0
        assert await descriptors() <= before
        ends = [call.hung_up for call in calls]
        assert ends == [["not_connected"], ["caller"], ["not_connected"], [], []] * 6
        await one_call(door, "afterwards")
        await browser.close()


async def test_callers_who_vanish_in_the_handshake_leave_nothing() -> None:
    settings = MediaSettings(connect_limit_ms=2_000.0)
    async with ReadyDoor(settings) as door:
        await one_call(door, "warm-up")
        await until(lambda: door.calls == 0)
        before, tasks = await descriptors(), others()
        for number in range(6):
            call = RecordingCall(f"call-{number}")
            browser = Browser(microphone=False)
            await browser.accept(await door.offer(await browser.offer(), call))
            await asyncio.sleep(0.015 * number)  # from the first check to the middle of DTLS
            await browser.close()
        await until(lambda: not any(line.pending for line in door._lines.values()))
        for call_id in list(door._lines):
            door.drop(call_id, "caller")
        await until(lambda: door.calls == 0 and not others() - tasks)
        assert door.pending_offers == 0
        assert await descriptors() <= before


def strange_datagrams(rng: random.Random) -> list[bytes]:
    """What a stranger may send: nothing, noise, and STUN of every kind without the password."""
    out = [b"", b"\0", b"\x80", b"\x14" * 13, bytes([20, 254, 253]) + b"\0" * 60]
    out += [rng.randbytes(rng.randrange(1, 1_400)) for _ in range(60)]
    out += [bytes([first]) + rng.randbytes(40) for first in range(0, 256, 8)]
    for kind in stun.Class:
        for key in (None, b"a wrong password of 22"):
            message = stun.Message(message_method=stun.Method.BINDING, message_class=kind)
            message.attributes["USERNAME"] = "abcd:efgh"
            message.attributes["PRIORITY"] = 1
            message.attributes["USE-CANDIDATE"] = None
            message.attributes["ICE-CONTROLLING"] = 1
            if key is not None:
                message.add_message_integrity(key)
            whole = bytes(message)
            out += [whole, whole[:-3], whole + b"\0" * 9, whole[:20]]
    return out


async def test_a_flood_of_foreign_packets_in_mid_call_changes_nothing() -> None:
    rng = random.Random(5)
    call = EchoCall()
    async with ReadyDoor(MediaSettings()) as door:
        await one_call(door, "warm-up")
        await until(lambda: door.calls == 0)
        before, tasks = await descriptors(), others()
        async with calling(door.offer, call) as browser:
            agent = visit_of(door, call).peer.agent
            await until(lambda: len(browser.packets) > 10)
            known = agent.remote_candidates
            frames, packets = call.frames, len(browser.packets)
            received = visit_of(door, call).peer.audio.received.received
            local = next(each for each in agent.local_candidates if each.host == "127.0.0.1")
            sent = 0
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                for _ in range(20):
                    for data in strange_datagrams(rng):
                        stranger.sendto(data, (local.host, local.port))
                        sent += 1
                    await asyncio.sleep(0.05)
            assert sent > 2_000
            assert agent.foreign_datagrams > sent // 3
            assert agent.remote_candidates == known, "nobody was learnt"
            assert agent._queue.qsize() < 50
            heard = visit_of(door, call).peer.audio.received.received - received
            assert heard >= 40, "a second of the caller's audio"
            assert call.frames - frames >= 40
            assert len(browser.packets) - packets >= 40
            assert (call.attached, call.detached, call.hung_up) == (1, 0, [])
            browser.say({"type": "ping", "t": 1})
            await browser.wait_for("pong")
            door.drop(call.call_id, "caller")
        await until(lambda: door.calls == 0 and not others() - tasks)
        assert await descriptors() <= before


async def test_a_caller_may_show_itself_from_a_bounded_number_of_ports() -> None:
    call = RecordingCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        agent = visit_of(door, call).peer.agent
        local = next(each for each in agent.local_candidates if each.host == "127.0.0.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as base:
            base.setblocking(False)
            base.bind(("127.0.0.1", 0))
            for number in range(200):
                check = stun.Message(
                    message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST
                )
                check.attributes["USERNAME"] = f"{agent.local_username}:{agent.remote_username}"
                check.attributes["PRIORITY"] = 1
                check.attributes["ICE-CONTROLLING"] = 1
                check.add_message_integrity(agent.local_password.encode())
                protocol = next(each for each in agent._protocols if each.local_candidate is local)
                protocol.datagram_received(bytes(check), ("127.0.0.1", 1_024 + number))
        assert len(agent.remote_candidates) == 60
        frames = call.frames
        await until(lambda: call.frames > frames + 10)
        browser.say({"type": "ping", "t": 1})
        await browser.wait_for("pong")
        door.drop(call.call_id, "caller")


@pytest.mark.parametrize(
    "junk",
    ['{"type": "ping", "t": 1' + "0" * 400 + "}", "[" * 4_000, "x" * 10_000, b"\0" * 500, "\0"],
)
async def test_one_odd_message_does_not_end_a_call(junk: str | bytes) -> None:
    call = RecordingCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        assert browser.connection.sctp is not None
        browser.connection.sctp._remote_max_message_size = 0  # a caller who ignores our limit
        browser.say(junk)
        browser.say({"type": "ping", "t": 1})
        await browser.wait_for("pong")
        assert visit_of(door, call).inbox.junk == 1
        assert call.detached == 0
        door.drop(call.call_id, "caller")
