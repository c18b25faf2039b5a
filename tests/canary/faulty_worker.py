"""The real voice worker, with stages that fail on demand: `python -m tests.canary.faulty_worker`."""

from __future__ import annotations

from pipeline.telemetry import log

log.take_over("worker")

from pipeline.supervisor import fence  # noqa: E402  # as pipeline.worker does it
from pipeline.supervisor.time_slice import run_promptly  # noqa: E402  # the same

run_promptly()
fence.fence_worker()

import importlib  # noqa: E402  # the same
import sys  # noqa: E402  # the same

from pipeline.supervisor.host import work  # noqa: E402  # the same
from tests.canary import faults  # noqa: E402  # the same

if __name__ == "__main__":
    run_worker = importlib.import_module("pipeline.app").run_worker
    faults.break_worker()
    sys.exit(work(run_worker, sys.argv[1:]))
