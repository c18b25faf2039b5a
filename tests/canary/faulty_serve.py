"""`wardline serve` with stages that fail on demand, as a process: `python -m tests.canary.faulty_serve CONFIG`."""

from __future__ import annotations

import sys

from pipeline import config
from pipeline.commands.serve import serve
from tests.canary import faults

if __name__ == "__main__":
    config.quieten()
    faults.break_supervisor()
    sys.exit(serve(config.load(sys.argv[1]), "tests.canary.faulty_worker"))
