"""A process that pulls or unpacks again and again until it is killed; its parent looks what is left.

`python -m tests.bundle.killed pull FOLDER ADDRESS` or `unpack FOLDER PACK`; says "at work" once it has begun.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.bundle.packing import unpack
from pipeline.bundle.telling import Untold
from pipeline.bundle.versions import Bundles
from tests.hub.rig import ENTRY, Puller


def main(how: str, folder: Path, source: str) -> None:
    """Until it is done; the version and the switch included."""
    print("at work", flush=True)
    if how == "pull":
        Puller(folder, source).pull(ENTRY)
        return
    bundles = Bundles(folder)
    with bundles.locked(), Path(source).open("rb") as pack:
        manifest = unpack(pack, bundles.incoming, Untold(), margin_bytes=0)
        bundles.switch(bundles.place(manifest))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
