"""Tries again, while the server runs, what was proven at its start: outputs, ways out, the audit's chain, the store.

A test that failed is an alarm in the log and a fact in `/healthz`. While outputs or ways out fail, no new call is
answered (`Facts.unsafe`); calls that are running go on. Each test runs in a thread: nothing here carries sound.
This file refuses to know how a thing is tested.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.audit.folder import audit_folder, kept_heads, keys_folder
from pipeline.audit.keys import trusted_keys
from pipeline.audit.records import EgressTest
from pipeline.audit.verify import TrailVerdict, verify_trail
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.opened import models_in_bundles, still_whole
from pipeline.config import exposed_by
from pipeline.egress import trial
from pipeline.errors import StartUpError
from pipeline.settings import Settings
from pipeline.store.faults import StoreFault
from pipeline.store.opening import try_writing
from pipeline.supervisor import fence, outputs
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.witness import Witness
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.outputs import OwnOutputs

STORE_EVERY_S = 60.0
AUDIT_FIRST_S = 60.0
"""What happened to the chain while no server ran is said soon after the start, not an hour later."""
STORE_WAIT_MS = 2_000
"""A command may hold the store for a moment; longer is worth a word."""
DISK_FREE_MB_MIN = 200
"""Below this the next backup, or a day of events, may find the disk full."""


class CheckFailed(Event):
    """ALARM: what held at the start does not hold now."""

    check: Token
    reason: Token


class CheckHolds(Event):
    """A check that had failed passes again."""

    check: Token


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    passed: bool
    reason: str = ""
    """A token of ours, when it did not pass."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, and how often; the first time after that long, unless another time is given."""

    name: str
    every_s: float
    look: Callable[[], Awaitable[Found]]
    first_s: float | None = None


class Rounds:
    """Makes its checks, each in its own time, until cancelled."""

    def __init__(self, checks: tuple[Check, ...]) -> None:
        """Nothing has failed yet."""
        self._checks = checks
        self._failed: set[str] = set()
        self._at_once = asyncio.Lock()
        """Two tests at the same time would see each other's marks."""

    async def run(self) -> None:
        """Look again and again."""
        async with asyncio.TaskGroup() as group:
            for check in self._checks:
                group.create_task(self._repeat(check), name=f"check {check.name}")

    async def _repeat(self, check: Check) -> None:
        wait_s = check.every_s if check.first_s is None else check.first_s
        while True:
            await asyncio.sleep(wait_s)
            await self.look(check)
            wait_s = check.every_s

    async def look(self, check: Check) -> None:
        """Make one check; one that cannot be made has failed."""
        async with self._at_once:
            try:
                found = await check.look()
            except Exception as error:  # noqa: BLE001  # the edge: a check that breaks ends no server
                found = Found(False, type(error).__name__)
        if not found.passed:
            self._failed.add(check.name)
            emit(CheckFailed(check=Token(check.name), reason=Token(found.reason)))
        elif check.name in self._failed:
            self._failed.discard(check.name)
            emit(CheckHolds(check=Token(check.name)))


def rounds(settings: Settings, facts: Facts, witness: Witness, own: OwnOutputs | None) -> Rounds:
    """The checks of this server; `own` are the supervisor's outputs, where it has taken them."""
    every_s = settings.checks.every_minutes * 60.0
    looks = _Looks(settings, facts, witness)
    checks = [
        Check("egress", every_s, looks.egress),
        Check("audit", every_s, looks.audit, min(AUDIT_FIRST_S, every_s)),
        Check("store", STORE_EVERY_S, looks.store),
    ]
    if models_in_bundles(settings, "voice server"):
        checks.append(Check("models", every_s, looks.models))
    if own is not None:
        checks.append(Check("canary", every_s, lambda: looks.canary(own)))
    return Rounds(tuple(checks))


class _Looks:
    """How each thing is looked at, and what is noted of it."""

    def __init__(self, settings: Settings, facts: Facts, witness: Witness) -> None:
        self._settings = settings
        self._facts = facts
        self._witness = witness

    async def canary(self, own: OwnOutputs) -> Found:
        verdict = await asyncio.to_thread(outputs.try_own, own, secrets.token_hex(16))
        outputs.note(self._facts, "supervisor", verdict)
        return Found(verdict.passed, "output_open")

    async def egress(self) -> Found:
        tried = await asyncio.to_thread(trial.try_all)
        out = fence.note(self._facts, "supervisor", tried)
        level = self._facts.detail("egress").get("level", 1)
        held = True
        if level == 2 and exposed_by(self._settings):
            # rules that were there at the start may have been flushed since
            held, _ = trial.kernel_holds(await asyncio.to_thread(fence.try_kernel))
            if not held:
                self._facts.tested(
                    "egress", "fail", **{**self._facts.detail("egress"), "kernel": False}
                )
        self._witness.egress_tested(
            EgressTest(level=level, ways_tried=len(tried), ways_open=len(out) + (not held))
        )
        return Found(held and not out, "way_out_open" if out else "kernel_rules_gone")

    async def audit(self) -> Found:
        def verify() -> TrailVerdict:
            keys = trusted_keys(keys_folder(self._settings))
            heads = kept_heads(self._settings)
            return verify_trail(audit_folder(self._settings), keys, heads)

        verdict = await asyncio.to_thread(verify)
        unproven = verdict.unproven
        passed = verdict.whole and not unproven
        self._facts.tested(
            "audit",
            "pass" if passed else "fail",
            records=verdict.chain.records,
            files=len(verdict.files),
            whole=verdict.whole,
            unproven=[f"{one.first}-{one.last}" for one in unproven],
        )
        return Found(passed, "signed_late" if verdict.whole else "chain_broken")

    async def models(self) -> Found:
        try:
            faults = await asyncio.to_thread(still_whole, self._settings, "voice server")
        except BundleFault as fault:
            self._facts.tested("models", "fail", reason=fault.reason)
            return Found(False, fault.reason)
        self._facts.tested("models", "fail" if faults else "pass", files_moved=len(faults))
        return Found(not faults, "files_moved")

    async def store(self) -> Found:
        found, free_mb = await asyncio.to_thread(look_at_store, self._settings)
        self._facts.tested(
            "store",
            "pass" if found.passed else "fail",
            free_mb=free_mb,
            reason=found.reason,
        )
        return found


def look_at_store(settings: Settings) -> tuple[Found, int]:
    """Whether the store can be written to, and the megabytes free where its folder is."""
    free_mb = shutil.disk_usage(Path(settings.state.directory)).free // 1_000_000
    try:
        try_writing(settings, busy_ms=STORE_WAIT_MS)
    except StoreFault as error:
        return Found(False, error.reason), free_mb
    except StartUpError:
        return Found(False, "store_fault"), free_mb
    if free_mb < DISK_FREE_MB_MIN:
        return Found(False, "disk_nearly_full"), free_mb
    return Found(True), free_mb
