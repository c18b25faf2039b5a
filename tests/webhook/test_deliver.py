"""Reports are kept, signed and delivered until acknowledged; a receiver costs no call anything."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from phi.chain_key import ChainKey
from pipeline import config
from pipeline.audit.records import CallEnd
from pipeline.clock import wall_now
from pipeline.commands.tls import CA_CERT, CERT, make
from pipeline.commands.tls import KEY as KEY_FILE
from pipeline.supervisor.reports import postbox
from pipeline.telemetry.events import Event, set_sink
from pipeline.webhook.deliver import (
    Destination,
    Postbox,
    ReportsExpired,
    WebhookExpired,
    WebhookFailed,
    https_delivery,
)
from pipeline.webhook.report import Report, report_of, signed_part
from pipeline.webhook.signature import require_signature
from pipeline.webhook.spool import WAITS_S, Message, Spool, wait_s
from tests.audit.rig import end

SECRET = "k" * 32
REPORT_ID = "e0123456789abcdef"
KEY = ChainKey.new()


def report(number: int = 1) -> Report:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return report_of(end(number), at, KEY.sign, KEY.public.fingerprint)


def test_row_d20_a_report_holds_names_and_is_signed() -> None:
    made = report()
    assert b'"field_names":["day"]' in made.body
    assert b'"disposition":"booked"' in made.body
    plain, signature = signed_part(made.body)
    assert KEY.public.verify(signature, plain)
    plain, signature = signed_part(made.body.replace(b"booked", b"bookie"))
    assert not KEY.public.verify(signature, plain)


def test_row_w7_retries_come_after_5_10_and_20_s_with_jitter() -> None:
    chance = random.Random(1)
    for attempts, base in enumerate(WAITS_S, 1):
        waits = [wait_s(attempts, chance) for _ in range(200)]
        assert base * 0.8 <= min(waits) < max(waits) <= base * 1.2
        assert len(set(waits)) > 100
    assert wait_s(500, chance) <= 900 * 1.2


def test_a_spooled_message_outlives_the_process_and_a_half_written_one_is_ignored(
    tmp_path: Path,
) -> None:
    Spool(tmp_path).put(Message("r" + "0" * 24, b"body\nmore", 2))
    (tmp_path / ("r" + "1" * 24 + ".new")).write_bytes(b"half")
    (tmp_path / ("r" + "2" * 24 + ".json")).write_bytes(b"no number\nbody")
    assert Spool(tmp_path).waiting() == [Message("r" + "0" * 24, b"body\nmore", 2)]
    with pytest.raises(ValueError, match="message id"):
        Spool(tmp_path).done("../x")


def count_waiting(directory: Path) -> int:
    return len(Spool(directory).waiting())


class Receiver:
    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.bodies: list[bytes] = []
        self.ids: list[str] = []
        self.gate = asyncio.Event()
        self.arrived = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        now_s = int(wall_now().timestamp())
        self.ids.append(require_signature(SECRET, request.headers, body, now_s))
        self.bodies.append(body)
        status = self.answers.pop(0)
        if status == 0:
            self.arrived.set()
            await self.gate.wait()
            status = 204
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:9/"})

    async def serve(self, context: ssl.SSLContext | None = None) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_post("/", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        return runner, f"https://localhost:{port}/" if context else f"http://127.0.0.1:{port}/"


@pytest.mark.wire
async def test_a_message_is_sent_again_with_the_same_id_until_it_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.webhook.deliver.wait_s", lambda attempts, chance: 0.01)
    receiver = Receiver([500, 302, 401, 200])
    runner, url = await receiver.serve()
    spool = Spool(tmp_path / "spool")
    box = Postbox(tmp_path, spool, https_delivery(Destination(url, SECRET, ("127.0.0.0/8",))))
    made = report()
    delivered = asyncio.Event()
    set_sink(lambda event: delivered.set() if event.name == "webhook_delivered" else None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(box.run())
        await box.take(made)
        async with asyncio.timeout(60):
            await delivered.wait()
        running.cancel()
    set_sink(None)
    await runner.cleanup()
    assert receiver.bodies == [made.body] * 4
    assert await asyncio.to_thread(count_waiting, tmp_path / "spool") == 0
    assert set(receiver.ids) == {made.report_id}
    kept = await asyncio.to_thread((tmp_path / "reports-2026-11-21.jsonl").read_bytes)
    assert kept == made.body + b"\n"


@pytest.mark.wire
async def test_row_w6_a_receiver_that_does_not_answer_delays_nobody(tmp_path: Path) -> None:
    receiver = Receiver([0])
    runner, url = await receiver.serve()
    box = Postbox(
        tmp_path,
        Spool(tmp_path / "spool"),
        https_delivery(Destination(url, SECRET, ("127.0.0.0/8",))),
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(box.run())
        await box.take(report())
        await receiver.arrived.wait()  # and hangs there
        async with asyncio.timeout(2):
            await box.take(report(2))
        assert await asyncio.to_thread(count_waiting, tmp_path / "spool") == 2
        running.cancel()
        receiver.gate.set()
    await runner.cleanup()


@pytest.mark.wire
async def test_a_fault_in_the_delivery_itself_is_an_attempt_that_failed_and_quotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the canary: it ended the server, and every call with it."""
    monkeypatch.setattr("pipeline.webhook.deliver.wait_s", lambda attempts, chance: 0.01)
    attempts: list[Message] = []
    delivered = asyncio.Event()
    said: list[Event] = []

    async def deliver(message: Message) -> int | str:
        attempts.append(message)
        if len(attempts) == 1:
            raise RuntimeError(f"cannot sign {SECRET}")
        delivered.set()
        return 204

    set_sink(said.append)
    box = Postbox(tmp_path, Spool(tmp_path / "spool"), deliver)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(box.run())
        await box.take(report())
        async with asyncio.timeout(60):
            await delivered.wait()
        running.cancel()
    set_sink(None)
    records = [event.record() for event in said]
    assert [r["event"] for r in records[:2]] == ["crashed", "webhook_failed"]
    assert records[1]["code"] == "RuntimeError"
    assert SECRET not in str(records)


@pytest.mark.wire
async def test_a_spool_that_fails_ends_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.webhook.deliver.wait_s", lambda attempts, chance: 0.01)
    left = Message("r" + "ab" * 12, b"{}")
    spool = Spool(tmp_path / "spool")
    await asyncio.to_thread(spool.put, left)
    faults = {"waiting": 2, "done": 2}
    real = {"waiting": spool.waiting, "done": spool.done}

    def failing(act: str, *args: str) -> object:
        if faults[act]:
            faults[act] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real[act](*args)  # type: ignore[operator]  # either of them

    monkeypatch.setattr(spool, "waiting", lambda: failing("waiting"))
    monkeypatch.setattr(spool, "done", lambda message_id: failing("done", message_id))
    sent: list[str] = []
    said: list[Event] = []
    both = asyncio.Event()

    async def deliver(message: Message) -> int | str:
        sent.append(message.message_id)
        return 204

    def hear(event: Event) -> None:
        said.append(event)
        if [event.name for event in said].count("webhook_delivered") == 2:
            both.set()

    set_sink(hear)
    box, made = Postbox(tmp_path, spool, deliver), report()
    async with asyncio.TaskGroup() as group:
        await box.take(made)
        running = group.create_task(box.run())
        async with asyncio.timeout(60):
            await both.wait()
        running.cancel()
    set_sink(None)
    assert sorted(sent) == sorted([left.message_id, made.report_id])  # each once
    failed = [event.record() for event in said if event.name == "spool_failed"]
    assert sorted(str(record["act"]) for record in failed) == ["read", "read", "remove", "remove"]
    assert {record["code"] for record in failed} == {errno.EIO}
    assert await asyncio.to_thread(count_waiting, tmp_path / "spool") == 0


@pytest.mark.wire
async def test_an_address_that_is_not_listed_is_never_connected_to(tmp_path: Path) -> None:
    receiver = Receiver([])
    runner, url = await receiver.serve()
    message = Message("r" + "0" * 24, b"{}")
    for target in (url, url.replace("127.0.0.1", "localhost")):
        destination = Destination(target, SECRET, ("192.0.2.0/24",))
        assert SECRET not in repr(destination)
        assert not isinstance(await https_delivery(destination)(message), int)
    await runner.cleanup()
    assert receiver.bodies == []


@pytest.mark.wire
async def test_a_full_disk_loses_no_call_and_is_said(tmp_path: Path) -> None:
    said: list[Event] = []
    set_sink(said.append)
    blocked = tmp_path / "file"
    await asyncio.to_thread(blocked.write_text, "")
    await Postbox(blocked, None, None).take(report())
    set_sink(None)
    assert [event.name for event in said] == ["report_not_kept"]


def test_a_report_is_made_of_an_audit_record_alone() -> None:
    assert set(CallEnd.shapes) == {"call_id", "duration", "disposition", "field_names"}


@pytest.mark.wire
def test_row_w7_a_report_that_was_taken_outlives_kill_9(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.webhook.killed", str(tmp_path)], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    (waiting,) = Spool(tmp_path / "spool").waiting()
    assert b'"type":"end_of_call"' in waiting.body
    (kept,) = (tmp_path / "reports").iterdir()
    assert kept.read_bytes() == waiting.body + b"\n"


@pytest.mark.wire
async def test_row_w7_what_waited_is_sent_after_the_next_start_under_its_own_id(
    tmp_path: Path,
) -> None:
    receiver = Receiver([204])
    runner, url = await receiver.serve()
    waiting = Message("r" + "ab" * 12, b'{"type":"end_of_call"}', 2)
    await asyncio.to_thread(Spool(tmp_path).put, waiting)
    box = Postbox(
        tmp_path / "reports",
        Spool(tmp_path),
        https_delivery(Destination(url, SECRET, ("127.0.0.0/8",))),
    )
    delivered = asyncio.Event()
    set_sink(lambda event: delivered.set() if event.name == "webhook_delivered" else None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(box.run())
        async with asyncio.timeout(60):
            await delivered.wait()
        running.cancel()
    set_sink(None)
    await runner.cleanup()
    assert (receiver.ids, receiver.bodies) == ([waiting.message_id], [waiting.body])


@pytest.mark.wire
async def test_row_w7_each_failure_says_when_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waits as the postbox orders them, not slept."""
    told: list[WebhookFailed] = []
    enough = asyncio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, WebhookFailed):
            told.append(event)
            if len(told) == 4:
                enough.set()

    async def down(message: Message) -> int | str:
        return "timeout"

    slept: list[float] = []

    async def no_time(pause_s: float) -> None:
        slept.append(pause_s)

    monkeypatch.setattr("pipeline.webhook.deliver.pause", no_time)
    set_sink(hear)
    box = Postbox(tmp_path, Spool(tmp_path / "spool"), down)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(box.run())
        await box.take(report())
        async with asyncio.timeout(60):
            await enough.wait()
        running.cancel()
    set_sink(None)
    for failed, pause_s, base in zip(told[:3], slept, WAITS_S, strict=False):
        assert failed.next_ms == pytest.approx(pause_s * 1000)
        assert base * 0.8 <= pause_s <= base * 1.2
    assert [failed.attempts for failed in told[:4]] == [1, 2, 3, 4]


@pytest.mark.wire
async def test_a_report_that_comes_twice_is_kept_once(tmp_path: Path) -> None:
    box = Postbox(tmp_path, None, None)
    first, second = report(1), report(2)
    for made in (first, first, second):
        await box.take(made)
    (file,) = await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
    assert len((await asyncio.to_thread(file.read_bytes)).splitlines()) == 2


@pytest.mark.wire
async def test_what_was_set_aside_is_removed_when_its_days_are_over_unless_a_hold_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.webhook.deliver.SWEEP_EVERY_S", 0.01)
    spool, aside = Spool(tmp_path / "spool"), tmp_path / "spool" / "undelivered"
    old, young, strange = (aside / f"{name}.json" for name in (REPORT_ID, "e" + "1" * 16, "notes"))

    def lay() -> None:
        aside.mkdir(parents=True)
        for path, days in ((old, 31), (young, 29), (strange, 400)):
            path.write_text("{}")
            then_s = wall_now().timestamp() - days * 86_400
            os.utime(path, (then_s, then_s))

    await asyncio.to_thread(lay)

    async def never(message: Message) -> int | str:
        raise AssertionError(message.message_id)

    async def swept(*, held: bool) -> None:
        """Returns behind a whole sweep: the next one has begun."""
        begun, loop, again = [0], asyncio.get_running_loop(), asyncio.Event()

        def asked() -> bool:
            begun[0] += 1
            if begun[0] == 2:
                loop.call_soon_threadsafe(again.set)
            return held

        box = Postbox(tmp_path, spool, never, kept_days=30, held=asked)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(box.run())
            async with asyncio.timeout(20):
                await again.wait()
            running.cancel()

    def left() -> set[Path]:
        return set(aside.iterdir())

    told: list[Event] = []
    set_sink(told.append)
    await swept(held=True)
    assert await asyncio.to_thread(left) == {old, young, strange}
    await swept(held=False)
    set_sink(None)
    assert await asyncio.to_thread(left) == {young, strange}
    assert [event for event in told if isinstance(event, WebhookExpired)] == [WebhookExpired(1)]


@pytest.mark.wire
async def test_row_c3_a_receiver_whose_certificate_nobody_vouches_for_gets_nothing(
    tmp_path: Path,
) -> None:
    now = wall_now()
    await asyncio.to_thread(make, tmp_path, ["localhost"], now)
    receiver = Receiver([204])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await asyncio.to_thread(context.load_cert_chain, tmp_path / CERT, tmp_path / KEY_FILE)
    runner, url = await receiver.serve(context)
    message = Message("r" + "0" * 24, b"{}")
    listed = ("127.0.0.0/8", "::1/128")
    deliver = await asyncio.to_thread(https_delivery, Destination(url, SECRET, listed))
    assert await deliver(message) == "ClientConnectorCertificateError"
    assert receiver.bodies == []
    known = Destination(url, SECRET, listed, str(tmp_path / CA_CERT))
    deliver = await asyncio.to_thread(https_delivery, known)
    assert await deliver(message) == 204
    await runner.cleanup()


DAYS = 30
LAST_DAY = (wall_now() - timedelta(days=DAYS)).date()
"""Younger by a minute at midnight is no matter: the files beside it are two days away."""


def _reports(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.wire
@pytest.mark.parametrize("webhook", [False, True])
async def test_reports_are_removed_when_their_days_are_over_unless_a_hold_stands(
    webhook: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.webhook.deliver.SWEEP_EVERY_S", 0.01)
    reports = tmp_path / "reports"
    days = {n: (LAST_DAY - timedelta(days=n)).isoformat() for n in (400, 2, -2)}
    old = [f"reports-{days[n]}.jsonl" for n in (400, 2)]
    stays = [f"reports-{days[-2]}.jsonl", "reports-2020-02-31.jsonl", "notes-2020-01-01.jsonl"]

    def lay() -> None:
        reports.mkdir()
        for name in (*old, *stays):
            (reports / name).write_text("{}\n")

    await asyncio.to_thread(lay)

    async def never(message: Message) -> int | str:
        raise AssertionError(message.message_id)

    async def swept(*, held: bool) -> None:
        """Returns behind a whole sweep: the next one has begun."""
        begun, loop, again = [0], asyncio.get_running_loop(), asyncio.Event()

        def asked() -> bool:
            begun[0] += 1
            loop.call_soon_threadsafe(lambda: again.set() if begun[0] > 1 else None)
            return held

        def heard(event: Event) -> None:
            told.append(event)
            again.set()

        set_sink(heard)
        spool = Spool(tmp_path / "spool") if webhook else None
        box = Postbox(reports, spool, never if webhook else None, kept_days=DAYS, held=asked)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(box.run())
            async with asyncio.timeout(20):
                await again.wait()
            running.cancel()
        set_sink(None)

    told: list[Event] = []
    await swept(held=True)
    assert await asyncio.to_thread(_reports, reports) == sorted(stays + old)
    await swept(held=False)
    assert await asyncio.to_thread(_reports, reports) == sorted(stays)
    assert told == [ReportsExpired(2)]


def test_a_postbox_keeps_reports_as_long_as_the_settings_say(tmp_path: Path) -> None:
    settings = config.from_mapping(
        {"state": {"directory": str(tmp_path)}, "store": {"logs_days": 7}}
    )
    hook = {
        "url": "https://127.0.0.1:9/x",
        "secret": "0123456789abcdef" * 2,
        "addresses": ["127.0.0.0/8"],
    }
    sent = config.from_mapping(
        {"state": {"directory": str(tmp_path)}, "store": {"logs_days": 7}, "webhook": hook}
    )
    assert postbox(settings).kept_days == postbox(sent).kept_days == 7
