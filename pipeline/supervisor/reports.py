"""Makes an end-of-call report of each call's end on record, and carries it to the postbox beside the calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipeline.audit.records import CallEnd
from pipeline.clock import wall_now
from pipeline.settings import Settings
from pipeline.supervisor.witness import Witness
from pipeline.webhook.deliver import Destination, Postbox, https_delivery
from pipeline.webhook.report import Report, report_of
from pipeline.webhook.spool import Spool

LAST_REPORTS_MS = 2_000.0
"""At the stop: what the last calls left is kept first."""


def postbox(settings: Settings) -> Postbox:
    """The folder of reports, and the webhook when there is one."""
    state = Path(settings.state.directory)
    hook = settings.webhook
    days = settings.store.logs_days

    def held() -> bool:
        from pipeline.store.opening import (
            logs_are_held,
        )  # loads the database's library: once an hour

        return logs_are_held(settings)

    if not hook.url:
        return Postbox(state / "reports", None, None, kept_days=days, held=held)
    destination = Destination(hook.url, hook.secret, hook.addresses, hook.ca_file)
    return Postbox(
        state / "reports",
        Spool(state / "webhook"),
        https_delivery(destination),
        kept_days=days,
        held=held,
    )


class Reports:
    """`run` in a task of the server's."""

    def __init__(self, witness: Witness, box: Postbox) -> None:
        """Listen to the witness."""
        self._witness = witness
        self._box = box
        self._ends: asyncio.Queue[CallEnd] = asyncio.Queue()
        self._report: Report | None = None
        """Being kept: a cancelled `run` may not have come to it."""
        witness.on_call_end = self._ends.put_nowait

    async def run(self) -> None:
        """Keep and send reports until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._box.run(), name="webhook")
            while True:
                await self._take(self._report_of(await self._ends.get()))

    async def finish(self) -> None:
        """Keep what is left; after `run` was cancelled."""
        try:
            async with asyncio.timeout(LAST_REPORTS_MS / 1000):
                if self._report is not None:
                    await self._take(self._report)
                while not self._ends.empty():
                    await self._take(self._report_of(self._ends.get_nowait()))
        except TimeoutError:
            return

    def _report_of(self, end: CallEnd) -> Report:
        return report_of(end, wall_now(), self._witness.sign, self._witness.key)

    async def _take(self, report: Report) -> None:
        self._report = report
        await self._box.take(report)
        self._report = None
