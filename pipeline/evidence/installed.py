"""What is installed here: distributions, the interpreter and its libraries, the lock, our own code's digest.

The shell of `sbom`. Reads metadata only, imports nothing it finds.
"""

from __future__ import annotations

import platform
import sqlite3
import ssl
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import Distribution, distribution, distributions
from importlib.resources import files
from pathlib import Path

from pipeline.evidence.lock import Lock, plain_name, read_lock
from pipeline.evidence.sbom import Model, Part

OWN = "wardline"
PACKAGES = ("pipeline", "models", "phi", "bench")
LOCK_FILE = "runtime.lock"
_READ_BYTES = 1 << 20


def installed() -> list[Part]:
    """Every distribution once; the first found is the one that is imported."""
    found: dict[str, Part] = {}
    for each in distributions():
        part = _part(each)
        found.setdefault(plain_name(part.name), part)
    return list(found.values())


def own() -> Part:
    """This program."""
    return _part(distribution(OWN))


def interpreter() -> dict[str, str]:
    """What runs under the distributions."""
    return {
        "Linux": platform.release(),
        "OpenSSL (of Python)": ssl.OPENSSL_VERSION.split()[1],
        platform.python_implementation(): platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }


def lock() -> Lock | None:
    """The lock this was installed from: beside the checkout, or in the wheel; None: neither is there."""
    try:
        beside = Path(str(files("pipeline"))).parent / "requirements" / LOCK_FILE
        return read_lock(beside.read_text("utf-8"))
    except OSError:
        text = distribution(OWN).read_text(f"extra_metadata/{LOCK_FILE}")
        return read_lock(text) if text else None


def code_digest() -> str:
    """SHA-256 over every source and data file of our packages, by name: equal code has an equal digest."""
    running = sha256()
    for package in PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = f"{package}/{path.relative_to(root).as_posix()}"
                running.update(f"{sha256(path.read_bytes()).hexdigest()}  {name}\n".encode())
    return running.hexdigest()


def model_files(paths: Iterator[Path]) -> Iterator[Model]:
    """The sums of these files, and of the files in these folders."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                running = sha256()
                with file.open("rb") as opened:
                    while data := opened.read(_READ_BYTES):
                        running.update(data)
                name = f"{path.name}/{file.relative_to(path)}" if path.is_dir() else file.name
                yield Model(name, running.hexdigest(), file.stat().st_size)


def _part(found: Distribution) -> Part:
    about = found.metadata
    record = found.read_text("RECORD")
    editable = found.read_text("direct_url.json")
    return Part(
        name=about["Name"] or "unknown",
        version=found.version or "0",
        licence_expression=_first(about.get_all("License-Expression")),
        licence=_first(about.get_all("License")),
        classifiers=tuple(about.get_all("Classifier") or ()),
        requires=tuple(found.requires or ()),
        record_sha256=sha256(record.encode()).hexdigest() if record and not editable else "",
    )


def _first(values: list[str] | None) -> str:
    return values[0] if values else ""
