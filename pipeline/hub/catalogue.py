"""Reads the catalogue: which models are recommended, under which licence, how large, and why.

What nobody could check stands in an entry's `unverified`; a sum that is not known is left out, never guessed. A file
of an operator's own has the same form (`--catalogue`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import ROLES, is_plain_path, is_sha256
from pipeline.errors import toml_fault

SHIPPED = "catalogue.toml"
_BYTES_MAX = 1 << 20
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[0-9a-f]{40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PATTERN = re.compile(r"[A-Za-z0-9_*?][A-Za-z0-9_.*?+-]{0,99}")
_SENTENCE = re.compile(r"[ -~]{1,200}")
_SHAPES = {
    _ID: "lower-case letters, digits, dots and dashes",
    _REPOSITORY: "OWNER/NAME",
    _REVISION: "a commit of 40 characters",
    _LANGUAGE: "a code like en",
    _PATTERN: "a name of a file with * or ?",
    _SENTENCE: "at most 200 plain characters",
}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?")
_CODE = (".py", ".pyc", ".so", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".sh", ".exe")
"""Loading such a file can run what is in it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file of an entry."""

    path: str
    """In the repository; the last part is its name here."""
    bytes: int = -1
    """-1: not known before the hub says."""
    sha256: str = ""
    """"": not known; recorded at the first pull, and compared with what the hub announces."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One recommended model."""

    id: str
    role: str
    repository: str
    licence: str
    languages: tuple[str, ...]
    why: str
    revision: str = ""
    """The commit; "": the hub's newest, recorded at the first pull."""
    bytes: int = 0
    """About; 0: not known."""
    gpu_mb: int = 0
    ram_mb: int = 0
    files: tuple[Wanted, ...] = ()
    patterns: tuple[str, ...] = ()
    """Further files at the top of the repository."""
    unverified: tuple[str, ...] = ()
    """What of this nobody could check."""

    def wants(self, path: str) -> bool:
        """Whether a file of the repository belongs to the model."""
        if any(path == each.path for each in self.files):
            return True
        return "/" not in path and any(fnmatchcase(path, each) for each in self.patterns)

    def known(self, path: str) -> Wanted:
        """What the catalogue says of a file."""
        return next((each for each in self.files if each.path == path), Wanted(path))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where models come from, and which."""

    hub: str
    hosts: tuple[str, ...]
    """Where the hub sends downloads on to."""
    entries: tuple[Entry, ...]

    def chosen(self, ids: list[str]) -> list[Entry]:
        """The named entries, `ID` or `ID@COMMIT`; raises `BundleFault`."""
        known = {entry.id: entry for entry in self.entries}
        named = dict(name.partition("@")[::2] for name in ids)
        strange = [name for name in named if name not in known]
        if strange:
            raise BundleFault(
                "catalogue",
                f"{len(strange)} of the names are in no catalogue; `wardline bundle list` shows: {', '.join(known)}",
            )
        if not all(_REVISION.fullmatch(commit) for commit in named.values() if commit):
            raise BundleFault(
                "catalogue", "after @ stands a commit of 40 characters, as `pull` prints it"
            )
        return [_at(known[name], commit) for name, commit in named.items()]


def shipped() -> Catalogue:
    """The one of this release."""
    return parse(files(__package__).joinpath(SHIPPED).read_text("utf-8"), SHIPPED)


def load(path: Path) -> Catalogue:
    """An operator's own."""
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError):
        raise BundleFault(
            "catalogue", f"{path} cannot be read as text; name a catalogue file"
        ) from None
    return parse(text[:_BYTES_MAX], str(path))


def parse(text: str, name: str) -> Catalogue:
    """What the text says; raises `BundleFault` that names entry and key."""
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what = toml_fault(error) if isinstance(error, tomllib.TOMLDecodeError) else "too deep"
        raise BundleFault("catalogue", f"{name} is not TOML: {what}") from None
    hub, hosts, models = tree.get("hub"), tree.get("hosts", []), tree.get("model", [])
    if not isinstance(hub, str) or not isinstance(hosts, list) or not isinstance(models, list):
        raise BundleFault("catalogue", f"{name}: hub must be a text, hosts and model lists")
    if not all(isinstance(each, str) and _HOST.fullmatch(each) for each in hosts):
        raise BundleFault("catalogue", f"{name}: hosts must be names of hosts, in lower case")
    entries = tuple(_entry(each, number, name) for number, each in enumerate(models, 1))
    if len({entry.id for entry in entries}) < len(entries):
        raise BundleFault("catalogue", f"{name}: two models have one id")
    return Catalogue(hub, tuple(hosts), entries)


def is_code(path: str) -> bool:
    """Whether loading this file could run it: such files are in no bundle."""
    return path.lower().endswith(_CODE)


def _at(entry: Entry, commit: str) -> Entry:
    """The same model at a commit of one's own; sums that belong to another commit are not known for it."""
    if not commit or commit == entry.revision:
        return entry
    if not entry.revision:
        return replace(entry, revision=commit)
    return replace(entry, revision=commit, files=tuple(Wanted(each.path) for each in entry.files))


# --- parts --------------------------------------------------------------------------------------------


class _Refused(Exception):
    """A key of an entry is not what it must be."""


def _entry(tree: object, number: int, name: str) -> Entry:
    try:
        if not isinstance(tree, Mapping):
            raise _Refused("it must be a table")
        if not tree.keys() <= _KEYS:
            raise _Refused(f"a key is none of {', '.join(sorted(_KEYS))}")
        return _read_entry(tree)
    except _Refused as error:
        raise BundleFault("catalogue", f"{name}: model {number}: {error}") from None


_KEYS = (set(Entry.__dataclass_fields__) - {"files"}) | {"file"}


def _read_entry(tree: Mapping[str, Any]) -> Entry:
    wanted = tuple(_wanted(each) for each in _list_of(tree, "file"))
    patterns = tuple(_text(each, "patterns", _PATTERN) for each in _list_of(tree, "patterns"))
    names = [each.path.rpartition("/")[2] for each in wanted]
    if len(set(names)) < len(names) or not (wanted or patterns):
        raise _Refused("file names no file, or two of one name")
    if tree.get("role") not in ROLES:
        raise _Refused(f"role must be one of {', '.join(ROLES)}")
    return Entry(
        id=_text(tree.get("id"), "id", _ID),
        role=tree["role"],
        repository=_text(tree.get("repository"), "repository", _REPOSITORY),
        licence=_text(tree.get("licence"), "licence", _SENTENCE),
        why=_text(tree.get("why"), "why", _SENTENCE),
        languages=tuple(
            _text(each, "languages", _LANGUAGE) for each in _list_of(tree, "languages")
        ),
        revision=_text(tree["revision"], "revision", _REVISION) if "revision" in tree else "",
        bytes=_number(tree, "bytes", 0),
        gpu_mb=_number(tree, "gpu_mb", 0),
        ram_mb=_number(tree, "ram_mb", 0),
        files=wanted,
        patterns=patterns,
        unverified=tuple(
            _text(each, "unverified", _SENTENCE) for each in _list_of(tree, "unverified")
        ),
    )


def _text(value: object, key: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Refused(f"{key} is missing, or not written as it must be ({_SHAPES[pattern]})")
    return value


def _number(tree: Mapping[str, Any], key: str, default: int) -> int:
    value = tree.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < default:
        raise _Refused(f"{key} must be a whole number")
    return value


def _list_of(tree: Mapping[str, Any], key: str) -> list[Any]:
    value = tree.get(key, [])
    if not isinstance(value, list):
        raise _Refused(f"{key} must be a list")
    return value


def _wanted(tree: object) -> Wanted:
    if not isinstance(tree, Mapping) or not tree.keys() <= {"path", "bytes", "sha256"}:
        raise _Refused("file must be tables of path, bytes and sha256")
    path, digest = tree.get("path"), tree.get("sha256", "")
    if not isinstance(path, str) or not is_plain_path(path) or is_code(path):
        raise _Refused(
            "file.path must be a plain relative path of no file that runs when it is loaded"
        )
    if digest and not is_sha256(digest):
        raise _Refused("file.sha256 must be 64 characters in lower case")
    return Wanted(path, _number(tree, "bytes", -1), digest)
