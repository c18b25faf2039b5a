"""`wardline serve` with stages that fail on demand: `python -m tests.canary.faulty_serve [--leaks] CONFIG`.

With `--leaks` calls are the fake worker's, and every place that is searched leaks.
"""

from __future__ import annotations

import sys

from pipeline import config
from pipeline.commands.serve import serve
from tests.canary import faults, leaks

if __name__ == "__main__":
    config.quieten()
    *options, file = sys.argv[1:]
    faults.break_supervisor()
    if "--leaks" in options:
        leaks.patch()
    worker = "tests.fakes.fake_worker" if options else "tests.canary.faulty_worker"
    sys.exit(serve(config.load(file), worker))
