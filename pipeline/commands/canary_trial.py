"""The start-up test of a process's outputs, in a process of its own: `python -m pipeline.commands.canary_trial`.

Takes over its outputs as the server does, imports what the server imports, tries every way out with a planted word
and prints the result as one JSON line. Whoever starts it looks whether the word came out anywhere else.
"""

from __future__ import annotations

from pipeline.telemetry import log

if __name__ == "__main__":
    log.take_over("evidence")  # before any library is imported, as in a worker

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass

from pipeline import config
from pipeline.telemetry import canary
from pipeline.telemetry.outputs import OwnOutputs

MODULE = "pipeline.commands.canary_trial"
LIMIT_S = 120.0
"""Importing everything takes some seconds; a crowded machine takes longer."""


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """What became of the planted word."""

    paths: int
    missed: tuple[str, ...]
    leaked: tuple[str, ...]
    second_net: tuple[str, ...]
    came_out: bool
    """The word stood in what the process really wrote."""
    said: str = ""
    """Why there is no result."""

    @property
    def passed(self) -> bool:
        """Whether a process with these libraries may answer calls."""
        return not (self.missed or self.leaked or self.came_out or self.said)


def try_in_child(nonce: str) -> CanaryResult:
    """Run the test with this nonce and look at every byte that came out."""
    try:
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-P", "-m", MODULE, nonce],
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
            env=config.child_environment({}),
        )
        found = json.loads(done.stdout.splitlines()[-1])
        return CanaryResult(
            paths=len(canary.BYTE_PATHS) + len(canary.WORD_PATHS),
            missed=tuple(map(str, found["missed"])),
            leaked=tuple(map(str, found["leaked"])),
            second_net=tuple(map(str, found["second_net"])),
            came_out=canary.base_of(nonce).encode() in done.stdout + done.stderr,
        )
    except subprocess.TimeoutExpired:
        return CanaryResult(0, (), (), (), False, f"no result within {LIMIT_S:.0f} s")
    except (ValueError, KeyError, TypeError, IndexError):
        return CanaryResult(0, (), (), (), False, "the test ended without a result")


def main(nonce: str) -> int:
    """The program."""
    with OwnOutputs("evidence") as own:
        importlib.import_module(
            "pipeline.app"
        )  # whoever would open a way out does so when imported
        base = canary.base_of(nonce)
        watch = canary.Watch(base)
        own.watch(watch)
        leaked = canary.rehearse(base)
        own.settle()
        verdict = watch.verdict(leaked)
        found = {
            "missed": verdict.missed,
            "leaked": verdict.leaked,
            "second_net": verdict.second_net,
        }
        own.out.write(json.dumps(found) + "\n")
        own.out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
