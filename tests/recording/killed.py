"""A process that is killed between a withdrawal and the destruction: `python -m tests.recording.killed FOLDER`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from phi.envelope import KeyRing
from pipeline.recording.keeper import Keeper
from pipeline.recording.shelf import Shelf
from pipeline.store.tombstones import Tombstones


class Dying(Shelf):
    """Its process ends before anything is removed."""

    def shred(self, recording_id: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


async def main(directory: Path) -> None:
    graves, ring = Tombstones(directory / "keys"), KeyRing.new()
    (directory / "keys").mkdir()

    def bury(ids: list[str], why: str) -> None:
        graves.add(ids, why, 1_000)

    def open_shelf() -> Shelf:
        return Dying(directory / "shelf", "clinic", ring, lambda: 1_000, graves.read)

    loop = asyncio.get_running_loop()
    async with Keeper(open_shelf, "call", bury) as keeper:
        recorder = await keeper.begin("c0123456789ab", lambda: loop.time() * 1000, bytes)
        assert recorder is not None
        recorder.heard(loop.time() * 1000, bytes(640))
        await keeper.destroy(recorder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
