"""The process entry of a voice worker: takes over every output first, then runs `pipeline.app`."""

from __future__ import annotations

from pipeline.telemetry import log

log.take_over("worker")

from pipeline.supervisor import fence  # noqa: E402  # nothing may be imported before the outputs are taken over
from pipeline.supervisor.time_slice import run_promptly  # noqa: E402  # the same

run_promptly()  # an older kernel: the pacer waits longer for a core, the calls go on
fence.fence_worker()  # from here on no C function that could reach a network is lent, `syscall` among them

import importlib  # noqa: E402  # nothing may be imported before the outputs are taken over
import sys  # noqa: E402  # nothing may be imported before the outputs are taken over

from pipeline.supervisor.host import work  # noqa: E402  # the same

if __name__ == "__main__":
    sys.exit(work(importlib.import_module("pipeline.app").run_worker, sys.argv[1:]))
