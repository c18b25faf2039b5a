"""What a hub says a repository holds at one commit: names, lengths, sums. Its words are a stranger's.

The shape is that of `GET /api/models/REPOSITORY/revision/REVISION?blobs=true`: large files carry their SHA-256, small
ones the SHA-1 that git gives a blob. Either is checked once the file is here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import FILE_BYTES_MAX, FILES_MAX, is_plain_path, is_sha256
from pipeline.hub.catalogue import Entry, Wanted, is_code
from pipeline.hub.route import Route
from pipeline.hub.wire import Wire

LISTING_BYTES_MAX = 16 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOB = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Offered:
    """One file to fetch, with everything that is known of it before."""

    model_id: str
    path: str
    """In the repository."""
    name: str
    """Here, below the model's folder."""
    url: str
    bytes: int
    sha256: str
    """"": only its arrival will tell."""
    blob_sha1: str
    known_by: str
    """Who says what it must be: the catalogue, the hub, or nobody before this pull."""

    @property
    def key(self) -> str:
        """Names a half file: another commit is another file."""
        return self.sha256 or self.url


@dataclass(frozen=True, slots=True)
class Listed:
    """One model as the hub has it now."""

    entry: Entry
    revision: str
    files: tuple[Offered, ...]


def from_catalogue(route: Route, entry: Entry) -> Listed | None:
    """Without asking anybody, when the catalogue knows commit, lengths and sums; None: the hub has to be asked."""
    whole = entry.revision and entry.files and not entry.patterns
    if not whole or not all(each.sha256 and each.bytes >= 0 for each in entry.files):
        return None
    files = tuple(
        _offered(route, entry, entry.revision, each, each.bytes, "", "") for each in entry.files
    )
    return Listed(entry, entry.revision, files)


def ask(wire: Wire, route: Route, entry: Entry) -> Listed:
    """What the hub offers; raises `Interrupted`, or `BundleFault` when it is not what the catalogue says."""
    url = (
        f"{route.base}/api/models/{entry.repository}/revision/{entry.revision or 'main'}?blobs=true"
    )
    with wire.get(url, {"Accept": "application/json"}) as answer:
        if answer.status != 200:
            raise BundleFault("hub", f"{entry.id}: {refusal(answer.status, entry.repository)}")
        data = answer.whole(LISTING_BYTES_MAX)
    return read(data, route, entry)


def refusal(status: int, repository: str) -> str:
    """What a status means, in words."""
    if status in {401, 403}:
        return (
            f"the hub gives out {repository} by name only ({status}): accept its licence there and set bundle.token, or"
            " choose another model"
        )
    if status == 404:
        return f"the hub or mirror has no {repository} at this revision; correct the catalogue, or ask who runs the mirror"
    return f"the hub or mirror answered {status}; ask who runs it"


def read(data: bytes, route: Route, entry: Entry) -> Listed:
    """The hub's answer against the catalogue."""
    try:
        tree = json.loads(data)
        revision, siblings = tree["sha"], tree["siblings"]
        found = {each["rfilename"]: each for each in siblings}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _fault(entry, "answered with something that is no list of files") from None
    if not isinstance(revision, str) or not _COMMIT.fullmatch(revision):
        raise _fault(entry, "names no commit")
    if entry.revision and revision != entry.revision:
        raise _fault(entry, "answers with another commit than the one asked for")
    missing = [each.path for each in entry.files if each.path not in found]
    if missing:
        raise _fault(entry, f"has no {', '.join(missing[:5])}")
    paths = sorted(path for path in found if isinstance(path, str) and entry.wants(path))
    if not 0 < len(paths) <= FILES_MAX:
        raise _fault(entry, "has none of the files, or far too many")
    files = tuple(_read_one(found[path], path, route, entry, revision) for path in paths)
    if len({each.name for each in files}) < len(files):
        raise _fault(entry, "has two files of one name")
    return Listed(entry, revision, files)


def blob_sha1(size: int) -> Callable[[], Any]:
    """Starts the sum git gives a file of this length: SHA-1 over a head and the content."""
    return lambda: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


# --- parts --------------------------------------------------------------------------------------------


def _fault(entry: Entry, what: str) -> BundleFault:
    return BundleFault("hub", f"{entry.id}: the hub or mirror {what}; nothing was fetched of it")


def _read_one(tree: Any, path: str, route: Route, entry: Entry, revision: str) -> Offered:
    if not is_plain_path(path) or is_code(path):
        raise _fault(entry, "offers a file whose name we do not take")
    known = entry.known(path)
    try:
        lfs = tree.get("lfs") or {}
        size, digest = lfs.get("size", tree.get("size")), lfs.get("sha256", "")
        blob = "" if lfs else tree.get("blobId") or ""  # of a large file it names the pointer
    except AttributeError:
        raise _fault(entry, f"describes {path} in a way we do not read") from None
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= FILE_BYTES_MAX:
        raise _fault(entry, f"gives no length of {path}")
    if (digest and not is_sha256(digest)) or (blob and not _BLOB.fullmatch(str(blob))):
        raise _fault(entry, f"gives a sum of {path} that is none")
    if known.bytes >= 0 and size != known.bytes:
        raise _fault(entry, f"has {path} in another length than the catalogue says")
    if known.sha256 and digest and digest != known.sha256:
        raise _fault(entry, f"has {path} with another sum than the catalogue says")
    return _offered(route, entry, revision, known, size, digest, str(blob))


def _offered(
    route: Route, entry: Entry, revision: str, known: Wanted, size: int, digest: str, blob: str
) -> Offered:
    by = "catalogue" if known.sha256 else "hub" if digest else "first pull"
    name = known.path.rpartition("/")[2] if known in entry.files else known.path
    return Offered(
        model_id=entry.id,
        path=known.path,
        name=name,
        url=f"{route.base}/{entry.repository}/resolve/{revision}/{known.path}",
        bytes=size,
        sha256=known.sha256 or digest,
        blob_sha1=blob,
        known_by=by,
    )
