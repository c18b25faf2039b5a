"""`wardline serve` with the fake worker, as a process: `python -m tests.fakes.fake_serve [CONFIG]`."""

from __future__ import annotations

import sys

from pipeline import config
from pipeline.commands.serve import serve
from pipeline.errors import StartUpError

if __name__ == "__main__":
    try:
        sys.exit(serve(config.load(sys.argv[1]), "tests.fakes.fake_worker"))
    except StartUpError as error:
        print(f"wardline: {error}", file=sys.stderr)
        sys.exit(1)
