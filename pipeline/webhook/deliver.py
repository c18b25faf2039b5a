"""Delivers spooled messages to the one listed receiver, beside the calls and never in their way.

`take` keeps a report and returns; `run` sends. A receiver that is slow, down or wrong costs a file and an event.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.clock import wall_now
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.log import crashed
from pipeline.webhook.report import Report, keep, older_than
from pipeline.webhook.signature import signed_headers
from pipeline.webhook.spool import Message, Spool, wait_s

ANSWER_LIMIT_MS = 5_000.0
"""Row W6: a receiver acknowledges first and works later."""
AT_ONCE = 4
SWEEP_EVERY_S = 3_600.0
_ACKNOWLEDGED = range(200, 300)
Answer = TypeVar("Answer")


class WebhookDelivered(Event):
    """The receiver has it."""

    report_id: Token
    attempts: int


class WebhookFailed(Event):
    """An attempt failed; `code` is the receiver's status, or why there was none."""

    report_id: Token
    code: Token
    attempts: int
    next_ms: float


class WebhookGivenUp(Event):
    """ALARM: a message was set aside in `undelivered`."""

    report_id: Token


class WebhookExpired(Event):
    """Messages in `undelivered` were removed: their days are over."""

    count: int


class ReportsExpired(Event):
    """Files of end-of-call reports were removed: their days are over."""

    files: int


class ReportNotKept(Event):
    """ALARM: an end-of-call report could not be written to the disk."""

    report_id: Token
    code: int


class SpoolFailed(Event):
    """ALARM: the spool cannot be read, or a delivered message not removed; tried again."""

    act: Token
    code: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go; connections leave for the listed networks alone."""

    url: str
    secret: str = field(repr=False)
    networks: tuple[str, ...] = ()
    ca_file: str = ""


class Deliver(Protocol):
    """One attempt: the status of the answer, or a code that says why there was none."""

    async def __call__(self, message: Message) -> int | str:
        """Send it."""


class Postbox:
    """Reports on their way out."""

    def __init__(
        self,
        reports: Path,
        spool: Spool | None,
        deliver: Deliver | None,
        *,
        chance: random.Random | None = None,
        kept_days: int = 30,
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        """Keep reports here; without spool and deliver they stay on this machine.

        Reports, and messages that were set aside, are removed after `kept_days`, unless `held` (asked in a thread)
        says that they stay.
        """
        self.kept_days = kept_days
        self._held = held
        self._reports = reports
        self._spool = spool
        self._deliver = deliver
        self._chance = chance or random.Random()  # noqa: S311  # spreads retries, guards nothing
        self._keeping = threading.Lock()
        self._kept_last = ""
        self._fresh: asyncio.Queue[Message] = asyncio.Queue()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._read = False
        """What an earlier run left is taken up."""
        self._meanwhile: set[str] = set()
        """Ids that came before that: the spool holds them as well."""

    async def take(self, report: Report) -> None:
        """Keep the report, once however often it comes; returns when it is on the disk."""
        message = Message(report.report_id, report.body)
        try:
            await asyncio.to_thread(self._keep, report)
            if self._spool is not None:
                if not self._read:
                    self._meanwhile.add(message.message_id)
                await asyncio.to_thread(self._spool.put, message)
                self._fresh.put_nowait(message)
        except OSError as error:
            emit(ReportNotKept(report_id=Token(report.report_id), code=error.errno or 0))

    def _keep(self, report: Report) -> None:
        with self._keeping:  # a thread whose waiter was cancelled may still write it
            if report.report_id != self._kept_last:
                keep(self._reports, report)
                self._kept_last = report.report_id

    async def run(self) -> None:
        """Deliver what an earlier run left and what comes, and remove what is old, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._expire(), name="webhook expiry")
            if self._spool is None:
                return
            group.create_task(self._take_up(self._spool), name="webhook spool")
            while True:
                message = await self._fresh.get()
                group.create_task(self._until_done(message), name=f"webhook {message.message_id}")

    async def _take_up(self, spool: Spool) -> None:
        """What an earlier run left; new messages do not wait for it."""
        for message in await self._insist("read", spool.waiting):
            if message.message_id not in self._meanwhile:
                self._fresh.put_nowait(message)
        self._read = True
        self._meanwhile.clear()

    async def _expire(self) -> None:
        """At the start and each hour."""
        while True:
            messages, files = await self._insist("expire", self._sweep)
            if messages:
                emit(WebhookExpired(messages))
            if files:
                emit(ReportsExpired(files))
            await asyncio.sleep(SWEEP_EVERY_S)

    def _sweep(self) -> tuple[int, int]:
        """How many messages and files of reports went."""
        before = wall_now() - timedelta(days=self.kept_days)
        files = older_than(self._reports, before.date())
        if (not files and self._spool is None) or self._held():
            return 0, 0
        for path in files:
            path.unlink(missing_ok=True)
        return self._spool.expire(before.timestamp()) if self._spool else 0, len(files)

    async def _insist(self, act: str, attempt: Callable[[], Answer]) -> Answer:
        """Until the disk lets it: a spool that fails ends no server."""
        attempts = 0
        while True:
            try:
                return await asyncio.to_thread(attempt)
            except OSError as error:
                attempts += 1
                emit(SpoolFailed(act=Token(act), code=error.errno or 0))
                await pause(wait_s(attempts, self._chance))

    async def _until_done(self, message: Message) -> None:
        if self._spool is None or self._deliver is None:
            return
        current: Message | None = message
        while current is not None:
            async with self._slots:
                status = await self._attempt(self._deliver, current)
            report_id = Token(current.message_id)
            if isinstance(status, int) and status in _ACKNOWLEDGED:
                await self._insist("remove", partial(self._spool.done, current.message_id))
                emit(WebhookDelivered(report_id=report_id, attempts=current.attempts + 1))
                return
            try:
                later = await asyncio.to_thread(self._spool.failed, current)
            except OSError:  # the count is lost, the message is not
                later = Message(current.message_id, current.body, current.attempts + 1)
            pause_s = wait_s(current.attempts + 1, self._chance)
            emit(WebhookFailed(report_id, Token(str(status)), current.attempts + 1, pause_s * 1000))
            if later is None:
                emit(WebhookGivenUp(report_id=report_id))
                return
            current = later
            await pause(pause_s)

    async def _attempt(self, deliver: Deliver, message: Message) -> int | str:
        try:
            return await deliver(message)
        except Exception as error:  # noqa: BLE001  # the edge of a delivery: a fault in it costs no call anything
            return str(crashed(error).type)


async def pause(pause_s: float) -> None:
    """Until the next attempt."""
    await asyncio.sleep(pause_s)


def https_delivery(
    destination: Destination, now_s: Callable[[], int] = lambda: int(wall_now().timestamp())
) -> Deliver:
    """Attempts over HTTP: no redirects, no proxy, no cookies, a fresh signature each time."""
    trusted = None
    if urlsplit(destination.url).scheme == "https":
        trusted = ssl.create_default_context(cafile=destination.ca_file or None)

    async def deliver(message: Message) -> int | str:
        headers = signed_headers(destination.secret, message.message_id, now_s(), message.body) | {
            "Content-Type": "application/json"
        }
        connector = aiohttp.TCPConnector(
            resolver=ListedAddresses(destination.networks),
            ssl=trusted if trusted is not None else True,
            use_dns_cache=False,
        )
        limit = aiohttp.ClientTimeout(total=ANSWER_LIMIT_MS / 1000)
        try:
            if not literal_is_listed(destination):
                return "not_listed"
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=limit, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.post(
                    destination.url, data=message.body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                return answer.status
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError) as error:
            return type(error).__name__
        finally:
            await connector.close()

    return deliver


def literal_is_listed(destination: Destination) -> bool:
    """Whether an address written in the URL is listed; a name is checked when it is resolved."""
    host = urlsplit(destination.url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return is_listed(host, destination.networks)


def is_listed(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks."""
    known = ipaddress.ip_address(address)
    return any(known in ipaddress.ip_network(network) for network in networks)


class ListedAddresses(AbstractResolver):
    """Resolves a name to those of its addresses that are listed; to none of them: no connection."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        """Let only these pass."""
        self._networks = networks
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """The listed addresses of this name."""
        found = await self._inner.resolve(host, port, family)  # type: ignore[arg-type]  # a number is a family
        listed = [one for one in found if is_listed(one["host"], self._networks)]
        if not listed:
            raise OSError(None, "no address of the receiver is listed")
        return listed

    async def close(self) -> None:
        """Nothing is open."""
        await self._inner.close()
