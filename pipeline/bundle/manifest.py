"""The list of a bundle's files with their SHA-256: canonical bytes, read strictly. A calculation: it opens nothing.

The same files from the same revisions give the same bytes on every machine, so two people who fetched apart compare
one fingerprint. Nothing in it is a name of a machine, a person or a moment.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from pipeline.bundle.faults import BundleFault

FORMAT = "wardline-bundle-1"
MANIFEST_FILE = "manifest.json"
MANIFEST_BYTES_MAX = 1 << 20
FILES_MAX = 2_000
FILE_BYTES_MAX = 1 << 40
"""A terabyte: no model's file is near it."""
PATH_CHARACTERS_MAX = 100
"""What the header of a tar member holds without an extension."""
TEXT_CHARACTERS_MAX = 200
ROLES = ("stt", "llm", "tts")
NAME_CHARACTERS = 16
"""Of the fingerprint, in the name of the version's folder."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXT = re.compile(r"[ -~]{1,200}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model."""

    path: str
    """Below the model's own folder."""
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a bundle."""

    id: str
    role: str
    repository: str
    """Its name at the hub."""
    revision: str
    """The commit the files are of."""
    licence: str
    languages: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a bundle holds."""

    models: tuple[Model, ...]

    @property
    def data(self) -> bytes:
        """The one spelling of it."""
        tree = {"format": FORMAT, "models": [asdict(model) for model in self.models]}
        return json.dumps(tree, indent=1, sort_keys=True).encode() + b"\n"

    @property
    def fingerprint(self) -> str:
        """What two people compare."""
        return sha256(self.data).hexdigest()

    @property
    def name(self) -> str:
        """Of the version's folder."""
        return self.fingerprint[:NAME_CHARACTERS]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(model.bytes for model in self.models)

    def model(self, model_id: str) -> Model | None:
        """The model of this id."""
        return next((model for model in self.models if model.id == model_id), None)

    def files(self) -> dict[str, File]:
        """Every file by its path in the bundle, in the order it is packed."""
        return {f"{model.id}/{file.path}": file for model in self.models for file in model.files}


def made_of(models: dict[str, Model]) -> Manifest:
    """A manifest in its one order; raises `BundleFault` for what no reader would accept."""
    ordered = tuple(models[name] for name in sorted(models))
    return read(Manifest(ordered).data)


def is_plain_path(path: str) -> bool:
    """Whether this is a relative path of plain names: no parent, no root, no hidden file, nothing a terminal acts on."""
    return len(path) <= PATH_CHARACTERS_MAX and all(
        _PART.fullmatch(part) for part in path.split("/")
    )


def is_sha256(text: object) -> bool:
    """Whether this is one in lower case."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def read(data: bytes) -> Manifest:
    """What the bytes say; raises `BundleFault` unless they are exactly what `Manifest.data` writes."""
    if len(data) > MANIFEST_BYTES_MAX:
        raise _fault("is too large")
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        raise _fault("is not JSON") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise _fault(f"is not of the format {FORMAT}; a later release may have written it")
    try:
        manifest = Manifest(tuple(_model(each) for each in tree["models"]))
    except (KeyError, TypeError, AttributeError):
        raise _fault("is not whole") from None
    if manifest.data != data:
        raise _fault("is not written as we write it")
    _refuse_doubles(manifest)
    return manifest


# --- parts --------------------------------------------------------------------------------------------


def _fault(what: str) -> BundleFault:
    return BundleFault(
        "manifest", f"{MANIFEST_FILE} {what}; fetch or unpack the bundle again, or ask who made it"
    )


def _model(tree: dict[str, Any]) -> Model:
    files = tuple(_file(each) for each in tree["files"])
    languages = tuple(tree["languages"])
    texts = (tree["repository"], tree["revision"], tree["licence"])
    good = (
        _ID.fullmatch(tree["id"])
        and tree["role"] in ROLES
        and all(_TEXT.fullmatch(text) for text in texts)
        and len(languages) <= TEXT_CHARACTERS_MAX
        and all(_LANGUAGE.fullmatch(each) for each in languages)
        and 0 < len(files) <= FILES_MAX
    )
    if not good:
        raise TypeError
    return Model(
        tree["id"],
        tree["role"],
        tree["repository"],
        tree["revision"],
        tree["licence"],
        languages,
        files,
    )


def _file(tree: dict[str, Any]) -> File:
    path, size, digest = tree["path"], tree["bytes"], tree["sha256"]
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= FILE_BYTES_MAX:
        raise TypeError
    if not isinstance(path, str) or not is_plain_path(path) or not is_sha256(digest):
        raise TypeError
    return File(path, size, digest)


def _refuse_doubles(manifest: Manifest) -> None:
    """One path, one file; no file where another has its folder; ids and files in their one order."""
    ids = [model.id for model in manifest.models]
    if ids != sorted(set(ids)) or not ids:
        raise _fault("names no model, or one twice")
    taken = manifest.files()
    if len(taken) > FILES_MAX or len(taken) != sum(len(model.files) for model in manifest.models):
        raise _fault("names a file twice, or too many files")
    for path in taken:
        if not is_plain_path(path):
            raise _fault("names a path that is too long")
        folders = path.split("/")
        if any("/".join(folders[:depth]) in taken for depth in range(1, len(folders))):
            raise _fault("names a file where another file has its folder")
    for model in manifest.models:
        if [file.path for file in model.files] != sorted(file.path for file in model.files):
            raise _fault("is not in order")
