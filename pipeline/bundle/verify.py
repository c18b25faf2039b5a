"""Compares a version's folder with its list: every byte of every file, what is missing and what was put there.

Refuses to know which server uses it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pipeline.bundle.disk import plain_file, sum_of
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import MANIFEST_BYTES_MAX, MANIFEST_FILE, File, Manifest, read
from pipeline.bundle.telling import Tell

REMEDY = "unpack or pull the bundle again, or go back with `wardline bundle rollback`"
_OTHERS_WRITE = 0o022


class Kind(Enum):
    """What is wrong with a file."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    UNREADABLE = "unreadable"
    OPEN = "writable by others"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One file that is not as listed."""

    path: str
    kind: str


def manifest_of(folder: Path) -> Manifest:
    """The list in a version's folder; raises `BundleFault` unless the folder has its fingerprint as its name."""
    try:
        with plain_file(folder / MANIFEST_FILE) as file:
            data = os.read(file, MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise BundleFault(
            "manifest",
            f"{folder / MANIFEST_FILE}: {error.strerror}; {REMEDY}",
        ) from None
    manifest = read(data)
    if manifest.name != folder.name:
        raise BundleFault(
            "manifest",
            f"{folder / MANIFEST_FILE} is not the list this version was made with; {REMEDY}",
        )
    return manifest


def check(
    folder: Path, manifest: Manifest, tell: Tell, models: Iterable[str] | None = None
) -> list[Fault]:
    """Read everything that is listed, of these models alone when they are given; the faults, none when all is well."""
    wanted = wanted_of(manifest, models)
    there = dict(entries(folder, models))
    faults = sorted([*found_by_name(wanted, there), *open_folders(folder, models)])
    bad = {fault.path for fault in faults if fault.kind != Kind.OPEN.value}
    for path, expected in wanted.items():
        if path in bad:
            continue
        try:
            digest, size = sum_of(folder / path, tell, path, expected.bytes)
        except OSError:
            faults.append(Fault(path, Kind.UNREADABLE.value))
            continue
        if (digest, size) != (expected.sha256, expected.bytes):
            faults.append(Fault(path, Kind.CHANGED.value))
    return sorted(faults)


def wanted_of(manifest: Manifest, models: Iterable[str] | None) -> dict[str, File]:
    """The listed files, of these models alone when they are given."""
    chosen = None if models is None else set(models)
    return {
        path: file
        for path, file in manifest.files().items()
        if chosen is None or path.partition("/")[0] in chosen
    }


def entries(
    folder: Path, models: Iterable[str] | None = None
) -> Iterator[tuple[str, os.stat_result]]:
    """Whatever lies in a version's folder, the list itself and folders aside, by path; links are not followed."""
    roots = [folder] if models is None else [folder / each for each in models]
    for root in roots:
        for at, folders, names in os.walk(root, onerror=None, followlinks=False):
            for name in (*names, *(each for each in folders if os.path.islink(Path(at, each)))):
                path = Path(at, name)
                if path != folder / MANIFEST_FILE:
                    yield str(path.relative_to(folder)), path.lstat()


def open_folders(folder: Path, models: Iterable[str] | None = None) -> Iterator[Fault]:
    """Folders in which others may put or replace files."""
    yield from _open(folder, folder)
    for root in [folder] if models is None else [folder / each for each in models]:
        yield from _open(folder, root)
        for at, folders, _ in os.walk(root, followlinks=False):
            for name in folders:
                yield from _open(folder, Path(at, name))


def _open(folder: Path, path: Path) -> Iterator[Fault]:
    try:
        facts = path.lstat()
    except OSError:  # its files are missing, and that is said
        return
    if stat.S_ISDIR(facts.st_mode) and facts.st_mode & _OTHERS_WRITE:
        yield Fault(f"{path.relative_to(folder)}/", Kind.OPEN.value)


def found_by_name(wanted: dict[str, File], there: dict[str, os.stat_result]) -> Iterator[Fault]:
    """What can be said without reading a file: missing, added, of another length, writable by others."""
    for path in there.keys() - wanted.keys():
        yield Fault(path, Kind.ADDED.value)
    for path, expected in wanted.items():
        facts = there.get(path)
        if facts is None:
            yield Fault(path, Kind.MISSING.value)
        elif not stat.S_ISREG(facts.st_mode) or facts.st_size != expected.bytes:
            yield Fault(path, Kind.CHANGED.value)
        elif facts.st_mode & _OTHERS_WRITE:
            yield Fault(path, Kind.OPEN.value)
