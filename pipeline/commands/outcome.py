"""How a command ends that did what it was asked for and found something wrong with it all the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def say_done(command: str, said: str, wrong: Sequence[str] = ()) -> int:
    """What was done on standard output, each wrong thing on standard error; the exit status."""
    print(said)
    for sentence in wrong:
        print(f"wardline {command}: {sentence}", file=sys.stderr)
    return 1 if wrong else 0
