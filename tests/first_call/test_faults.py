"""What breaks in the middle of a call, and what is left of it afterwards: nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from bench.caller import Caller
from bench.errors import CallLost, CallRejected
from bench.line import Line
from bench.media import Ear, Microphone
from bench.recordings import RecordedVoice
from bench.voices import choose
from pipeline.audit.trail import lines_of, trail_files
from tests.first_call import microphone
from tests.first_call.page import chromium, main_process, softphone
from tests.first_call.served import Held, Served, alive, came_to_pass, family, served, until
from tests.first_call.stored import stored

pytestmark = pytest.mark.wire

TOML = """
[workers]
calls_per_worker = 2
drain_limit_ms = 2000
[media]
connect_limit_ms = 1500
reconnecting_after_ms = 1500
end_after_ms = 4000
[limits]
tokens_per_minute = 10000
calls_per_address = 50
pending_per_address = 50
"""
"""Every limit short, so that a test sees its end; the length of each is its own setting."""
SLOTS = 2
REFUSED = [400, 400, 401, 413, 400, 401, 403, 403, 401, 401]
ENDED_S = 15.0
READY_S = 30.0
SETTLED_S = 5.0
LENT_THREADS = 8
"""A loop makes that many at most for work off it, one when all it has are busy, and keeps them."""


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("frail"), TOML, model_cache) as running:
        yield running


def idle(server: Served) -> bool:
    health = server.health()
    return bool(health["ready"]) and server.calls() == 0 and server.free_slots() == SLOTS


def held_by(pids: tuple[int, ...]) -> list[Held]:
    """What each of these processes holds."""
    return [Held.by(pid) for pid in pids]


def no_more(before: list[Held], pids: tuple[int, ...]) -> bool:
    """Whether these processes hold no more than they did."""
    now = held_by(pids)
    return all(
        n.descriptors <= b.descriptors and n.children <= b.children and n.threads <= b.threads
        for n, b in zip(now, before, strict=True)
    )


@asynccontextmanager
async def conversation(server: Served) -> AsyncIterator[Caller]:
    """A call whose greeting is over."""
    async with Caller(server.url) as call:
        await call.reply_over(60_000)
        yield call


async def answered(call: Caller, line: str) -> str:
    """Say a recorded line; returns what the server showed for it."""
    voice = RecordedVoice("booking", choose(None))
    turn = await call.say(await voice.speak(line), line)
    await call.heard_reply(turn, 15_000)
    await call.reply_over(60_000)
    return turn.heard


def test_a_caller_hears_within_two_seconds_that_the_worker_died_and_can_call_again(
    frail: Served,
) -> None:
    async def lose() -> float:
        async with conversation(frail) as call:
            os.kill(frail.worker_pid(), signal.SIGKILL)
            began_s = time.monotonic()
            with pytest.raises(CallLost, match="lost the worker"):
                await call.pause(10_000)
            return time.monotonic() - began_s

    async def again() -> str:
        async with conversation(frail) as call:
            return call.record.turns[0].reply

    assert asyncio.run(lose()) <= 2.0
    until(lambda: idle(frail), READY_S, "a new worker")
    assert asyncio.run(again())


def test_the_line_of_a_caller_who_was_killed_is_free_again(frail: Served) -> None:
    until(lambda: idle(frail), READY_S, "an idle server")
    command = [sys.executable, "-m", "pipeline.cli", "call", "--url", frail.url, "--script"]
    caller = subprocess.Popen(
        [*command, "booking"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    try:
        until(lambda: frail.calls() == 1, READY_S, "the call")
        time.sleep(3.0)  # into the greeting
        assert frail.calls() == 1
    finally:
        caller.kill()
        caller.wait()
    until(lambda: idle(frail), ENDED_S, "the end of the killed caller's call")


@pytest.mark.long
@pytest.mark.browser
def test_a_browser_that_is_killed_in_mid_call_frees_everything_and_its_request_is_kept(
    frail: Served, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    asyncio.run(microphone.write([], silence))

    async def killed() -> str:
        async with chromium(silence) as browser, softphone(browser, frail.url) as phone:
            await phone.call()
            await phone.page.fill("#typed", "I need a follow up appointment.")
            await phone.page.press("#typed", "Enter")
            await phone.page.wait_for_selector("#request-fields [data-field=reason]")
            assert frail.calls() == 1
            shown = await phone.text("#request-fields [data-field=reason] dd")
            gone = asyncio.Event()
            browser.on("disconnected", lambda _: gone.set())
            os.kill(main_process(silence), signal.SIGKILL)
            async with asyncio.timeout(10):
                await gone.wait()
            return shown

    until(lambda: idle(frail), READY_S, "an idle server")
    pids = (frail.worker_pid(), frail.process.pid)
    left = []
    for _ in range(LENT_THREADS):
        before, known = held_by(pids), {r["id"] for r in stored(frail, tmp_path)}
        assert asyncio.run(killed()) == "follow-up"
        until(lambda: idle(frail), ENDED_S, "the end of the killed browser's call")
        if came_to_pass(partial(no_more, before, pids), SETTLED_S):
            break
        left.append(held_by(pids))  # opened once and kept is no leak, each time is
    else:
        pytest.fail(f"each killed browser left something behind: {left}")

    def new() -> list[dict[str, str]]:
        return [r for r in stored(frail, tmp_path) if r["id"] not in known]

    until(lambda: bool(new()), ENDED_S, "the lost call's request")
    (kept,) = new()
    assert kept["field.reason"] == "follow_up"
    assert kept["state"] == "incomplete"
    assert kept["ended"] == "lost"
    assert frail.worker_pid() == pids[0]


def test_when_all_lines_are_busy_a_caller_is_told_so_and_when_to_try_again(frail: Served) -> None:
    until(lambda: idle(frail), READY_S, "an idle server")

    async def third() -> tuple[int, str, str]:
        async with Caller(frail.url), Caller(frail.url):
            with pytest.raises(CallRejected):
                async with Caller(frail.url):
                    pass
            status, body, headers = await asyncio.to_thread(frail.ask, "POST", "/api/calls")
            return status, body["error"]["message"], headers["Retry-After"]

    status, sentence, wait_s = asyncio.run(third())
    assert status == 503
    assert sentence == "All lines are busy."
    assert int(wait_s) > 0
    until(lambda: idle(frail), ENDED_S, "free lines")


def test_a_call_goes_on_when_its_recogniser_dies(frail: Served) -> None:
    async def listen() -> list[str]:
        calm = family(frail.worker_pid())
        async with conversation(frail) as call:
            decoders = family(frail.worker_pid()) - calm
            assert len(decoders) == 1
            for decoder in decoders:
                os.kill(decoder, signal.SIGKILL)
            heard = [await answered(call, "I need a follow up appointment.")]
            heard.append(await answered(call, "My name is David."))
            assert not call.has_ended()
            return heard

    until(lambda: idle(frail), READY_S, "an idle server")
    heard = asyncio.run(listen())
    assert heard[-1]


@pytest.mark.long
def test_a_recogniser_that_does_not_come_back_leads_the_caller_to_a_person(
    frail: Served, model_cache: Path
) -> None:
    cache = frail.directory / "state" / "cache"

    async def lose() -> tuple[str, str]:
        worker = frail.worker_pid()
        (loader,) = (pid for pid in family(worker) - {worker} if _parent(pid) == worker)
        async with conversation(frail) as call:
            cache.unlink()  # what it would load
            os.kill(loader, signal.SIGKILL)
            status, body, _ = await asyncio.to_thread(frail.ask, "POST", "/api/calls")
            while status == 201:
                status, body, _ = await asyncio.to_thread(frail.ask, "POST", "/api/calls")
            assert (status, body["error"]["code"]) == (503, "lines_busy")
            assert not frail.health()["ready"]
            assert not call.has_ended()
            cache.symlink_to(model_cache)
            while not call.has_ended():
                await call.pause(100)
            return call.record.ended, call.record.turns[-1].reply

    until(lambda: idle(frail), READY_S, "an idle server")
    before = len(frail.events("worker_ready"))
    ended, said = asyncio.run(lose())
    assert ended == "person"
    assert "555 0100" in said or "five five five" in said
    until(lambda: len(frail.events("worker_ready")) > before, READY_S, "a new worker")
    assert not frail.events("worker_ended")[-1]["calls_lost"]
    until(lambda: idle(frail), READY_S, "an idle server")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_ten_kilobytes_of_junk_on_the_data_channel_harm_nobody(frail: Served) -> None:
    async def junk() -> str:
        async with conversation(frail) as call:
            channel = call._line._channel
            assert channel is not None
            channel.transport._remote_max_message_size = 0  # stock aiortc keeps to what was agreed
            for piece in ("{" * 10_240, b"\xff" * 10_240, "[]", "null", '{"type": 7}', "{}"):
                channel.send(piece)
            turn = call.type_text("I need a follow up appointment.")
            await call.heard_reply(turn, 15_000)
            return turn.reply or call.record.turns[-1].reply

    assert asyncio.run(junk())
    until(lambda: idle(frail), ENDED_S, "the end of the call")


async def _abandoned_offer(server: Served, token: str) -> int:
    """A good offer from somebody who never connects."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        connection.addTransceiver("audio", direction="sendrecv")
        connection.createDataChannel("wardline")
        await connection.setLocalDescription(await connection.createOffer())
        sdp = connection.localDescription.sdp
    finally:
        await connection.close()
    status, _, _ = await asyncio.to_thread(server.offer, sdp, token)
    return status


def _token(server: Served) -> str:
    return str(server.ask("POST", "/api/calls")[1]["token"])


def _bad_requests(server: Served, tokens: list[str]) -> list[int]:
    """One of each kind; the status of each."""
    bearer = f"Bearer {tokens.pop()}"
    foreign = "https://elsewhere.example"
    offer = {"type": "offer", "sdp": "v=0\r\n"}
    asked = [
        server.offer("this is no session description", tokens.pop()),
        server.offer(
            "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 x 1\r\n", tokens.pop()
        ),
        server.offer("v=0\r\n", token="x" * 43),
        server.ask("POST", "/api/offer", b"x" * 100_000, Authorization=bearer),
        server.ask("POST", "/api/offer", b"{", Authorization=bearer),
        server.ask("POST", "/api/offer", offer),
        server.ask("POST", "/api/offer", offer, Authorization=bearer, Origin=foreign),
        server.ask("POST", "/api/calls", {}, Origin=foreign),
        server.ask("POST", "/api/reoffer", offer, Authorization=f"Bearer {'k' * 43}"),
        server.ask("POST", "/api/hangup", {"call_key": "k" * 43}),
    ]
    assert all(body["error"]["message"] for _, body, _ in asked)
    return [status for status, _, _ in asked]


def on_record(server: Served) -> tuple[int, int]:
    """How often the audit speaks of a call's beginning or end, and how many reports were kept."""
    state = server.directory / "state"
    lines = [line for _, path in trail_files(state / "audit") for line in lines_of(path)]
    said = sum(b'"call_start"' in line or b'"call_end"' in line for line in lines)
    kept = (path.read_bytes().splitlines() for path in (state / "reports").glob("*.jsonl"))
    return said, sum(len(reports) for reports in kept)


def test_thirty_garbage_or_abandoned_offers_leave_nothing_behind(frail: Served) -> None:
    async def one_call() -> None:
        async with conversation(frail):
            pass

    def misuse(times: int) -> None:
        tokens = [_token(frail) for _ in range(times * 4)]  # while a line is free
        for _ in range(times):
            assert asyncio.run(_abandoned_offer(frail, tokens.pop())) in (200, 429, 503)
            refused = _bad_requests(frail, tokens)
            assert refused == REFUSED  # although abandoned offers hold every line

    until(lambda: idle(frail), READY_S, "an idle server")
    asyncio.run(one_call())
    misuse(2)  # what is opened once and kept is not a leak
    until(lambda: idle(frail), ENDED_S, "an idle server")
    pids = (frail.worker_pid(), frail.process.pid)
    before = held_by(pids)
    answered = len(frail.events("call_answered"))
    begun = on_record(frail)
    misuse(30)
    until(lambda: idle(frail), ENDED_S, "the end of every abandoned offer")
    held = len(frail.events("call_answered")) - answered
    assert held >= SLOTS
    until(lambda: len(frail.events("offer_abandoned")) >= held, ENDED_S, "each of them counted")
    assert on_record(frail) == begun, "who never came has not called"
    settled = came_to_pass(lambda: no_more(before, pids), ENDED_S)
    assert settled, f"{held_by(pids)} after {before}"
    asyncio.run(one_call())


def test_a_second_connection_keeps_the_call_and_its_request(frail: Served) -> None:
    async def reconnect() -> tuple[dict[str, str], list[str], int]:
        async with conversation(frail) as call:
            turn = call.type_text("I need a follow up appointment.")
            await call.heard_reply(turn, 15_000)
            await call.reply_over(60_000)
            before = dict(call.record.request)
            assert before
            assert call._line._connection is not None
            await call._line._connection.close()
            call._left = True  # its end is ours
            up = asyncio.Event()
            mic = Microphone(call.clock, lambda: None, 0)
            line = Line(
                mic,
                Ear(call.clock, lambda: None),
                call._on_message,
                lambda connected, gone: up.set() if connected else None,
            )
            assert call._front._answer is not None
            key = call._front._answer.call_key
            answer = await call._front._post(
                "/api/reoffer",
                {"type": "offer", "sdp": await line.offer(call._front.media_addresses)},
                200,
                key,
            )
            try:
                await line.answer(str(answer["sdp"]))
                async with asyncio.timeout(60):
                    await up.wait()
                call.record.request = {}
                line.send({"type": "typed", "text": "My name is David."})
                async with asyncio.timeout(60):
                    while len(call.record.request) <= len(before):  # noqa: ASYNC110  # the server's word, looked for
                        await asyncio.sleep(0.05)
                calls = await asyncio.to_thread(frail.calls)
                return before, list(call.record.request), calls
            finally:
                line.send({"type": "bye"})
                await asyncio.sleep(0.2)
                await line.close()

    until(lambda: idle(frail), READY_S, "an idle server")
    before, after, calls = asyncio.run(reconnect())
    assert set(before) < set(after)
    assert calls == 1
    until(lambda: idle(frail), ENDED_S, "the end of the call")


def test_stopping_the_server_ends_a_call_with_a_goodbye_in_time(
    tmp_path: Path, model_cache: Path
) -> None:
    async def stopped(server: Served) -> tuple[str, float]:
        async with conversation(server) as call:
            server.process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            while not call.has_ended():
                await call.pause(100)
            return call.record.ended, time.monotonic() - began_s

    with served(tmp_path / "server", TOML, model_cache) as server:
        reason, took_s = asyncio.run(stopped(server))
        assert server.process.wait(10) == 0
    assert reason == "shutdown"
    assert took_s <= 5.0


@pytest.mark.long
def test_a_killed_supervisor_leaves_no_process(tmp_path: Path, model_cache: Path) -> None:
    with served(tmp_path / "server", TOML, model_cache) as server:
        everyone = server.processes()
        assert len(everyone) >= 3
        server.process.kill()
        server.process.wait()
        until(
            lambda: not any(alive(pid) for pid in everyone), 5.0, "the end of workers and decoders"
        )
