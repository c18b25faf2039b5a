"""Reports of calls' ends: none is lost between the end of the server's work and its stop."""

from __future__ import annotations

import asyncio
from typing import cast

from phi.chain_key import ChainKey
from pipeline.supervisor.reports import Reports
from pipeline.supervisor.witness import Witness
from pipeline.webhook.deliver import Postbox
from pipeline.webhook.report import Report
from tests.audit.rig import end


class Signer:
    """What reports need of the witness."""

    def __init__(self) -> None:
        key = ChainKey.new()
        self.sign, self.key = key.sign, key.public.fingerprint


class SlowBox:
    """Keeps a report 0.6 s after it came."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.kept: list[str] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def take(self, report: Report) -> None:
        self.begun.append(report.report_id)
        await asyncio.sleep(0.6)
        self.kept.append(report.report_id)


async def test_a_report_that_is_being_kept_when_the_server_stops_is_kept() -> None:
    box, signer = SlowBox(), Signer()
    reports = Reports(cast(Witness, signer), cast(Postbox, box))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(reports.run())
        for number in (1, 2):
            vars(signer)["on_call_end"](end(number))
        await asyncio.sleep(0.5)
        running.cancel()
    assert len(box.begun) == 1
    assert box.kept == []
    async with asyncio.timeout(10):
        await reports.finish()
    assert len(box.kept) == 2
    assert box.kept[0] == box.begun[0]
