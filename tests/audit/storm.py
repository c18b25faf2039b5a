"""A process that writes audit records until it is killed: `python -m tests.audit.storm FOLDER`.

It prints the number of each record once that record is durable: after the kill every printed one must be there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.audit.writer import AuditWriter, Limits
from tests.audit.rig import keys_in, start


def main(folder: Path) -> None:
    limits = Limits(file_bytes=60_000, checkpoint_after_ms=5)
    with AuditWriter(folder, keys_in(folder), limits=limits) as audit:
        number = 0
        while True:
            for _ in range(37):
                number += 1
                audit.put(start(number))
            number += 1
            if audit.write_now(start(number)):
                print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
