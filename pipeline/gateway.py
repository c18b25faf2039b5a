"""The process entry of the telephone gateway: takes over every output first, then runs `pipeline.trunking`."""

from __future__ import annotations

from pipeline.telemetry import log

log.take_over("gateway")

from pipeline.supervisor import fence  # noqa: E402  # nothing may be imported before the outputs are taken over
from pipeline.supervisor.time_slice import run_promptly  # noqa: E402  # the same

run_promptly()  # an older kernel: the pacer waits longer for a core, the calls go on
fence.fence_gateway()  # from here on no C function that could reach a network is lent, `syscall` among them

import importlib  # noqa: E402  # nothing may be imported before the outputs are taken over
import sys  # noqa: E402  # nothing may be imported before the outputs are taken over

from pipeline.supervisor.host import work  # noqa: E402  # the same

if __name__ == "__main__":
    run_gateway = importlib.import_module("pipeline.trunking").run_gateway
    sys.exit(work(run_gateway, sys.argv[1:], fence.fence_gateway))
