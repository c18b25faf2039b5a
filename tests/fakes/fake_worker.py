"""A worker process whose calls are names in a set: for tests of everything around a call.

`python -m tests.fakes.fake_worker`. An offer's SDP may ask for trouble: "bad" is refused, "crash" raises with the
SDP in its text, "noise" prints it everywhere, "slow" never answers, "absent" is answered and never connects, "deaf" is answered by an engine that then
fails for good. A practice called "never ready",
"cannot start" or "wrong flow" has such workers; one called "outputs elsewhere" or "logs names" has a way out;
one called "hears" has the real recogniser's processes.
"""

from __future__ import annotations

from pipeline.telemetry import foreign, log

log.take_over("worker")

import asyncio  # noqa: E402  # nothing may be imported before the outputs are taken over
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from models.errors import EngineUnavailable  # noqa: E402
from pipeline.errors import ConfigError, OfferInvalid, TooMany  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from pipeline.stream.messages import Bringer  # noqa: E402
from pipeline.supervisor.channel import Channel  # noqa: E402
from pipeline.supervisor.host import notifier, serve_calls, work  # noqa: E402


class FakeHost:
    """Keeps the promises of `CallHost` without sound."""

    def __init__(self, settings: Settings, channel: Channel) -> None:
        self._practice = settings.practice.name
        self._directory = Path(settings.state.directory)
        self._slots = settings.workers.calls_per_worker
        self._calls: set[str] = set()
        self.paused = False
        self._changed = asyncio.Event()
        self._deaf = asyncio.Event()
        self._notify = notifier(channel, lambda: self)

    async def start(self) -> None:
        if self._practice == "outputs elsewhere":
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        if self._practice == "logs names":
            foreign.known_module = lambda name: name
        if self._practice == "never ready":
            await asyncio.Event().wait()
        if self._practice == "hears":
            await self._hear()
        if self._practice == "cannot start":
            raise ExceptionGroup("", [EngineUnavailable("the voice is missing: run make setup")])

    async def _hear(self) -> None:
        """Start the real recogniser and lend it, so that there are children of a child."""
        from models.clinic_language import clinic_language
        from models.pocketsphinx import PocketSphinx, PocketSphinxSettings

        language = clinic_language(["check-up"], ["chest pain"])
        engine = PocketSphinx(PocketSphinxSettings(language, self._directory / "cache", slots=1))
        await engine.start()
        ear = await engine.open()
        await ear.settle()  # its process answers

    async def offer(self, call_id: str, sdp: str) -> str:
        if sdp.startswith("bad"):
            raise OfferInvalid("The offer has no audio.")
        if sdp.startswith("crash"):
            raise RuntimeError(f"cannot parse {sdp}")
        if sdp.startswith("slow"):
            await asyncio.Event().wait()
        if sdp.startswith("deaf"):
            self._deaf.set()
        if sdp.startswith("noise"):
            print(sdp, flush=True)
            os.write(2, sdp.encode())
        if len(self._calls) >= self._slots:
            raise TooMany("All lines are busy.", retry_after_s=5)
        self._calls.add(call_id)
        if sdp.startswith("absent"):
            return f"answer to {call_id}"
        self._notify("call_started", {"call_id": call_id})
        self._tell("call", call_id, state="listening", since_s=0)
        self._tell("request", call_id, fields={"first_name": "masked"}, complete=False)
        self._tell("request", call_id, fields={"first_name": "Sam"}, complete=False)  # a mistake
        self._tell("turn", "c-other", turn=1, marks_ms={}, interrupted=False)  # not its call
        return f"answer to {call_id}"

    async def expect(self, call_id: str, token: str, bringer: Bringer) -> None:
        raise TooMany("All lines are busy.", retry_after_s=5)

    def _tell(self, kind: str, call_id: str, **payload: object) -> None:
        self._notify("live", {"type": kind, "call_id": call_id, **payload})

    async def reoffer(self, call_id: str, sdp: str) -> str:
        if call_id not in self._calls:
            raise OfferInvalid("No such call.")
        return f"again {call_id}"

    async def hang_up(self, call_id: str, reason: str) -> None:
        if call_id in self._calls:
            self._calls.discard(call_id)
            self._changed.set()
            self._notify("call_ended", {"call_id": call_id, "reason": reason})

    async def reveal(self, call_id: str, field: str) -> str | None:
        return "Sam" if call_id in self._calls and field == "first_name" else None

    def pause(self, paused: bool) -> None:
        self.paused = paused

    def free_slots(self) -> int:
        return self._slots - len(self._calls)

    def recognisers_free(self) -> int:
        return self._slots - len(self._calls)

    def late(self) -> tuple[str, ...]:
        return ()

    async def broken(self) -> None:
        await self._deaf.wait()

    async def drain(self, limit_ms: float) -> None:
        try:
            async with asyncio.timeout(limit_ms / 1000):
                while self._calls:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        self._calls.clear()


async def run_worker(settings: Settings, channel: Channel) -> None:
    if settings.practice.name == "wrong flow":
        raise ConfigError(["flow.toml: no greeting"])
    await serve_calls(channel, FakeHost(settings, channel))


if __name__ == "__main__":
    sys.exit(work(run_worker, sys.argv[1:]))
