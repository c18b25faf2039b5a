"""A pull onto a disk of two megabytes that fills up meanwhile, in name spaces of its own.

`unshare -rm python -m tests.bundle.full_disk DIRECTORY` mounts the disk there and prints one JSON line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.bundle.faults import BundleFault
from tests.fakes.hub_server import serving
from tests.hub.rig import MODEL, Puller, hub_of


def main(disk: Path) -> None:
    """The disk has room when it is looked at, and none when the bytes arrive; then it has again."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True
    )  # by name
    hub, ballast = hub_of(), disk / "ballast"

    def fill(path: str) -> None:
        if path.endswith("model.bin") and not ballast.exists():
            with ballast.open("wb") as file:
                try:
                    while os.statvfs(disk).f_bavail > 20:
                        file.write(bytes(4096))
                        file.flush()
                except OSError:
                    pass

    hub.before = fill
    with serving(hub) as address:
        puller = Puller(disk / "models", address)
        try:
            puller.pull()
            reason, said = "", ""
        except BundleFault as fault:
            reason, said = fault.reason, str(fault)
        kept = sum(puller.waiting().values())
        versions = puller.bundles.names()
        ballast.unlink()
        hub.before = lambda path: None
        hub.requests.clear()
        puller.pull()
        went_on = any("Range" in each.headers for each in hub.downloads())
        whole = puller.content("tiny/model.bin") == MODEL
    found = {
        "reason": reason,
        "said": said,
        "kept": kept,
        "versions": versions,
        "went_on": went_on,
        "whole": whole,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
