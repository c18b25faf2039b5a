"""A call outlives its connections: taken over, waited for, and ended exactly once."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from pipeline.errors import NoMediaPath, OfferInvalid, TooMany
from pipeline.line import Bye, Caption
from pipeline.transports.ice import LocalIce
from pipeline.transports.opus import OpusDecoder
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import RATE_HZ, TaggedCall, tag_hz
from tests.transports.browser import Browser, calling, until, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire

QUICK = MediaSettings(reconnecting_after_ms=300.0, end_after_ms=900.0, connect_limit_ms=2_000.0)


@pytest.fixture
def answering_waits(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Opening the sockets takes until this event is set."""
    go_on = asyncio.Event()
    gather = LocalIce.gather_candidates

    async def slow(agent: LocalIce) -> None:
        await go_on.wait()
        await gather(agent)

    monkeypatch.setattr(LocalIce, "gather_candidates", slow)
    return go_on


def tones(browser: Browser, epoch: int) -> int:
    """Packets that hold this reply's tone."""
    decoder = OpusDecoder()
    count = 0
    for _, packet in browser.packets:
        pcm = decoder.decode(packet.payload)
        assert pcm is not None
        at = np.arange(len(pcm)) / RATE_HZ
        level = abs(np.mean(pcm * np.exp(-2j * np.pi * tag_hz(epoch) * at))) * 2
        count += bool(level > 2_000)
    return count


async def test_a_second_offer_takes_the_call_over_and_the_reply_goes_on() -> None:
    call = TaggedCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as first:
        call.speak(1.5)
        await until(lambda: call.playout.sent_samples > RATE_HZ // 2)
        async with calling(door.offer, call) as second:
            await first.hung_up.wait()
            assert (call.attached, call.detached, call.hung_up) == (2, 1, [])
            assert door.calls == 1
            await until(lambda: call.playout.queued_samples == 0)
            assert call.playout.epoch == 0
            assert call.playout.sent_samples == 1.5 * RATE_HZ, "not a sample was lost or said twice"
            await until(lambda: len(second.packets) > 40)
            heard = tones(first, 0) + tones(second, 0)
            assert tones(first, 0) > 15
            assert tones(second, 0) > 15
            assert 70 <= heard <= 80
            call.speak(0.1)
            assert (await second.wait_for("speak")) == {"type": "speak", "epoch": 0}
            assert [m["type"] for _, m in first.messages].count("speak") == 1
            frames = call.frames
            await until(lambda: call.frames > frames + 10)
            second.say({"type": "bye"})
            await until(lambda: call.hung_up)
    assert call.hung_up == ["caller"]
    assert door.calls == 0


async def test_a_silent_caller_is_waited_for_and_then_given_up() -> None:
    call = TaggedCall()
    loop = asyncio.get_running_loop()
    async with ReadyDoor(QUICK) as door, calling(door.offer, call) as browser:
        since_s = loop.time()
        await until(lambda: call.detached)
        away_s = loop.time() - since_s
        assert call.hung_up == []
        await until(lambda: call.hung_up)
        gone_s = loop.time() - since_s
        await browser.hung_up.wait()
    assert call.hung_up == ["lost"]
    assert away_s >= 0.25
    assert gone_s >= 0.85
    assert gone_s - away_s >= 0.5
    assert (call.attached, call.detached) == (1, 1)


async def test_pings_keep_a_call_and_one_ping_brings_it_back() -> None:
    call = TaggedCall()
    async with ReadyDoor(QUICK) as door, calling(door.offer, call) as browser:
        for _ in range(12):
            browser.say({"type": "ping", "t": 1})
            await asyncio.sleep(0.1)
        assert call.detached == 0
        await until(lambda: call.detached == 1)
        packets = len(browser.packets)
        browser.say({"type": "ping", "t": 2})
        await until(lambda: call.attached == 2)
        await until(lambda: len(browser.packets) > packets + 5)
        door.drop(call.call_id, "caller")
    assert call.hung_up == ["caller"]


async def test_a_lost_connection_is_replaced_within_the_time_limit() -> None:
    call = TaggedCall()
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call):
            call.speak(3.0)
            await until(lambda: call.playout.sent_samples > 9_600)
        await until(lambda: call.detached == 1)
        sent = call.playout.sent_samples
        assert call.hung_up == []
        async with calling(door.offer, call) as second:
            await until(lambda: len(second.packets) > 10)
            assert call.playout.sent_samples > sent
            assert call.playout.epoch == 0
            door.drop(call.call_id, "caller")
    assert call.hung_up == ["caller"]


async def test_queued_messages_arrive_before_the_call_is_closed() -> None:
    call = TaggedCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        leg = call.leg
        assert leg is not None
        for turn in range(50):
            leg.send(Caption("agent", turn, "synthetic words " * 40))
        leg.send(Bye("goodbye"))
        leg.close("goodbye")
        leg.close("again")
        async with asyncio.timeout(60):
            await browser.hung_up.wait()
        assert [m.get("turn") for _, m in browser.messages] == [*range(50), None]
        assert browser.messages[-1][1] == {"type": "bye", "reason": "goodbye"}
        await until(lambda: door.calls == 0)
        leg.send(Bye("late"))  # to nobody, and without an error
    assert call.hung_up == [], "a call that closed its leg is not told of it"


async def test_the_leg_of_a_replaced_connection_is_void() -> None:
    call = TaggedCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call):
        old = call.leg
        assert old is not None
        async with calling(door.offer, call) as second:
            old.close("goodbye")
            old.send(Bye("goodbye"))
            second.say({"type": "ping", "t": 1})
            await second.wait_for("pong")
            assert door.calls == 1
            door.drop(call.call_id, "caller")


async def test_a_caller_says_goodbye_once() -> None:
    call = TaggedCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        browser.say({"type": "bye"})
        browser.say({"type": "bye"})
        browser.say({"type": "dtmf", "key": "1"})
        await browser.hung_up.wait()
        door.drop(call.call_id, "beacon")
        await until(lambda: door.calls == 0)
    assert call.hung_up == ["caller"]
    assert call.keys == []


async def test_a_caller_dropped_before_it_connected_is_gone_at_once() -> None:
    call = TaggedCall()
    browser = Browser()
    loop = asyncio.get_running_loop()
    async with ReadyDoor(MediaSettings()) as door:
        await door.offer(await browser.offer(), call)
        door.drop(call.call_id, "caller")  # before its task has run at all
        since_s = loop.time()
        await until(lambda: door.calls == 0)
        assert loop.time() - since_s < 2.0, "not the ten seconds a connection may take"
    await browser.close()
    assert call.hung_up == ["caller"]
    assert door.pending_offers == 0


async def test_a_call_that_ends_while_its_offer_is_answered_is_refused(
    answering_waits: asyncio.Event,
) -> None:
    call = TaggedCall()
    browser = Browser()
    sdp = await browser.offer()
    async with ReadyDoor(MediaSettings()) as door, asyncio.TaskGroup() as tasks:
        offering = tasks.create_task(refused(door, sdp, call))
        await until(lambda: door.calls)
        door.drop(call.call_id, "caller")
        answering_waits.set()
        assert isinstance(await offering, OfferInvalid)
        assert door.calls == door.pending_offers == 0
    await browser.close()
    assert call.hung_up == [], "it was never answered, so it is not told"


async def test_a_door_that_closes_while_an_offer_is_answered_refuses_it(
    answering_waits: asyncio.Event,
) -> None:
    call = TaggedCall()
    browser = Browser()
    sdp = await browser.offer()
    async with asyncio.TaskGroup() as tasks:
        async with ReadyDoor(MediaSettings()) as door:
            offering = tasks.create_task(refused(door, sdp, call))
            await until(lambda: door.calls)
        answering_waits.set()
        assert isinstance(await offering, NoMediaPath)
    await browser.close()
    assert call.hung_up == []
    assert door.calls == door.pending_offers == 0


async def test_of_two_offers_at_once_one_is_answered_and_the_other_told_to_wait() -> None:
    call = TaggedCall()
    first, second = Browser(), Browser()
    sdp, again = await first.offer(), await second.offer()
    async with ReadyDoor(MediaSettings()) as door:
        async with asyncio.TaskGroup() as tasks:
            one = tasks.create_task(door.offer(sdp, call))
            two = tasks.create_task(refused(door, again, call))
        assert isinstance(await two, TooMany)
        assert door.calls == 1
        await first.accept(await one)
        await until(lambda: call.attached == 1)
        door.drop(call.call_id, "caller")
    await first.close()
    await second.close()
    assert call.hung_up == ["caller"]
    assert door.pending_offers == 0


async def test_a_call_offered_again_and_again_keeps_no_new_caller_out() -> None:
    call, other = TaggedCall(), TaggedCall("call-2")
    settings = MediaSettings(max_pending_offers=1)
    async with ReadyDoor(settings) as door, calling(door.offer, call) as browser:
        abandoned = [Browser() for _ in range(4)]
        for each in abandoned:
            await door.offer(await each.offer(), call)
            await until(lambda: len(door._lines[call.call_id].pending) == 1)
        assert door.pending_offers == 0
        async with calling(door.offer, other):
            assert (call.attached, other.attached) == (1, 1)
            browser.say({"type": "ping", "t": 1})
            await browser.wait_for("pong")
            door.drop(other.call_id, "caller")
        door.drop(call.call_id, "caller")
        for each in abandoned:
            await each.close()
    assert door.pending_offers == 0


async def test_an_offer_that_replaces_the_first_one_leaves_the_limit_as_it_was() -> None:
    call = TaggedCall()
    given_up = Browser()
    async with ReadyDoor(MediaSettings(max_pending_offers=1)) as door:
        await door.offer(await given_up.offer(), call)
        assert door.pending_offers == 1
        async with calling(door.offer, call):
            await until(lambda: door.pending_offers == 0)
            assert (door.calls, call.attached) == (1, 1)
            door.drop(call.call_id, "caller")
    await given_up.close()
    assert call.hung_up == ["caller"]


async def test_a_connection_that_cannot_be_closed_takes_no_other_call_with_it() -> None:
    call, other = TaggedCall(), TaggedCall("call-2")

    async def broken() -> None:
        raise RuntimeError("its text may quote anybody")

    async with (
        ReadyDoor(MediaSettings()) as door,
        calling(door.offer, other) as second,
        calling(door.offer, call) as first,
    ):
        peer = visit_of(door, call).peer
        stop, peer._sctp.stop = peer._sctp.stop, broken
        first.say({"type": "bye"})
        await until(lambda: door.calls == 1)
        second.say({"type": "ping", "t": 1})
        await second.wait_for("pong")
        assert other.hung_up == []
        door.drop(other.call_id, "caller")
        await until(lambda: door.calls == 0)
        await stop()


async def test_the_door_reads_its_own_fence_and_not_the_second_offers() -> None:
    call, impostor = TaggedCall(), TaggedCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        call.playout.flush()
        async with asyncio.timeout(60):
            second = Browser()
            await second.accept(await door.offer(await second.offer(), impostor))
        await until(lambda: call.attached == 2)
        call.speak(1.0)
        await until(lambda: visit_of(door, call).peer.audio.sent_packets > 20)
        assert visit_of(door, call).peer.audio.stopped_by_fence == 0
        assert impostor.attached == 0
        await browser.hung_up.wait()
        door.drop(call.call_id, "caller")
        await second.close()


async def refused(door: ReadyDoor, sdp: str, call: TaggedCall) -> Exception:
    with pytest.raises((OfferInvalid, NoMediaPath, TooMany)) as refusal:
        await door.offer(sdp, call)
    return refusal.value
