"""A process that keeps a report and is killed in the moment `take` returns: `python -m tests.webhook.killed FOLDER`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from pipeline.webhook.deliver import Postbox
from pipeline.webhook.spool import Message, Spool
from tests.webhook.test_deliver import report


async def never(message: Message) -> int | str:
    raise AssertionError(message.message_id)


async def main(directory: Path) -> None:
    box = Postbox(directory / "reports", Spool(directory / "spool"), never)
    await box.take(report())
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
