"""`wardline serve` with the fake worker, as a process: `python -m tests.fakes.fake_serve [CONFIG]`."""

from __future__ import annotations

import sys

from pipeline import config
from pipeline.commands.serve import serve

if __name__ == "__main__":
    sys.exit(serve(config.load(sys.argv[1]), "tests.fakes.fake_worker"))
