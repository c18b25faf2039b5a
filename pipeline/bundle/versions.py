"""Where bundles lie: one folder for each version, `current` and `previous` beside them, one writer at a time.

    BUNDLES/current -> versions/3f2a…     what a server that starts now loads
           /previous -> versions/91c0…    what `rollback` returns to
           /versions/3f2a…/manifest.json  named by the fingerprint of that list
           /versions/3f2a…/MODEL/FILE     read-only; files that two versions share are one file on the disk
           /incoming/                     half files
           /lock                          held by whoever changes anything here

A version appears whole or not at all, and a link moves in one step: a cut at any moment leaves the old state or the
new. Refuses to know where files come from.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.bundle.disk import put_whole, writing
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.incoming import Incoming
from pipeline.bundle.manifest import MANIFEST_FILE, NAME_CHARACTERS, Manifest
from pipeline.bundle.telling import Untold
from pipeline.bundle.verify import Kind, check, manifest_of
from pipeline.finished_file import settle

_NAME = re.compile(rf"[0-9a-f]{{{NAME_CHARACTERS}}}")
_UNFINISHED, _GONE = ".making-", ".gone-"


class Bundles:
    """One folder of versions."""

    def __init__(self, directory: Path) -> None:
        """The folder need not be there yet."""
        self.directory = Path(os.path.abspath(directory))
        self.folder = self.directory / "versions"
        self.incoming = Incoming(self.directory)

    def version(self, name: str) -> Path:
        """A version's folder."""
        return self.folder / name

    def names(self) -> list[str]:
        """Every version, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [each for each in self.folder.iterdir() if _NAME.fullmatch(each.name)]
        return [each.name for each in sorted(found, key=_made, reverse=True)]

    def linked(self, link: str) -> str:
        """The version that `current` or `previous` names; "": none, or one that is not there."""
        try:
            at, _, name = os.readlink(self.directory / link).rpartition("/")
        except OSError:
            return ""
        there = at == self.folder.name and _NAME.fullmatch(name) and self.version(name).is_dir()
        return name if there else ""

    def named(self, name: str) -> str:
        """The version a person means: its name or the beginning of it, `current`, `previous`; raises `BundleFault`."""
        if name in {"current", "previous"}:
            found = self.linked(name)
            if not found:
                raise BundleFault("no_version", f"there is no {name} bundle in {self.directory}")
            return found
        fits = [each for each in self.names() if name and each.startswith(name)]
        if len(fits) != 1:
            what = "names more than one version" if fits else "names no version"
            raise BundleFault(
                "no_version",
                f"{_plain(name)!r} {what} in {self.directory}; see `wardline bundle list`",
            )
        return fits[0]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes anything here; what a killed one left half made is cleared first."""
        with writing(self.directory):
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            descriptor = os.open(
                self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BundleFault(
                    "locked",
                    f"another `wardline bundle` command is changing {self.directory}; wait until it has ended",
                ) from None
            with writing(self.directory):
                self._clear()
            yield
        finally:
            os.close(descriptor)  # which gives the lock back, as the end of the process would

    def place(self, manifest: Manifest, kept: str = "") -> str:
        """Make a version of files in `incoming` and of the version `kept`; returns its name. Hold the lock."""
        name = manifest.name
        if self.version(name).is_dir():
            with writing(self.version(name)):
                self._mend(manifest)
                self._used_up(manifest)
            return name
        making = self.folder / f"{_UNFINISHED}{name}"
        with writing(making):
            making.mkdir(mode=0o755)
            for path, file in manifest.files().items():
                target = making / path
                _make_folders(making, target.parent)
                source = self.incoming.whole(file.sha256)
                if not source.exists() and kept:
                    source = self.version(kept) / path
                os.chmod(source, 0o444)
                os.link(source, target)
            put_whole(making / MANIFEST_FILE, manifest.data, 0o444)
            for at, _, _ in os.walk(making):
                settle(Path(at))
            making.rename(self.version(name))
            settle(self.folder)
            self._used_up(manifest)
        return name

    def switch(self, name: str) -> str:
        """Make this version the current one and the current one the previous; returns the one before. Hold the lock."""
        before = self.linked("current")
        if before == name:
            return before
        with writing(self.directory):
            if before:
                self._point("previous", before)
            self._point("current", name)
        return before

    def remove(self, name: str, *, previous_too: bool = False) -> int:
        """Take a version away, never one in use; returns the bytes that no other version shares. Hold the lock."""
        if name == self.linked("current"):
            raise BundleFault(
                "in_use",
                f"{name} is the current version; switch with `wardline bundle rollback` first",
            )
        if name == self.linked("previous") and not previous_too:
            raise BundleFault(
                "in_use",
                f"{name} is what `rollback` returns to; add --previous-too to remove it all the same",
            )
        folder = self.version(name)
        with writing(folder), _alone(folder):
            freed = sum(
                each.lstat().st_size for each in folder.rglob("*") if each.is_file() and each.lstat().st_nlink == 1
            )  # fmt: skip
            gone = self.folder / f"{_GONE}{name}"
            folder.rename(gone)
            settle(self.folder)
            shutil.rmtree(gone)
        return freed

    def hold(self, name: str) -> int:
        """Use a version: while the returned descriptor is open, in whatever process, it cannot be removed."""
        path = self.version(name) / MANIFEST_FILE
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise BundleFault(
                "manifest", f"{path}: {error.strerror}; unpack the bundle again"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BundleFault("in_use", f"{name} is being removed; start again") from None
        return descriptor

    def _mend(self, manifest: Manifest) -> None:
        """Make a version that is there what its list says, file by file, so that a server may use it meanwhile."""
        folder = self.version(manifest.name)
        try:
            manifest_of(folder)
        except BundleFault:
            put_whole(folder / MANIFEST_FILE, manifest.data, 0o444)
        for fault in check(folder, manifest, Untold()):
            path = folder / fault.path
            if fault.kind == Kind.OPEN.value:
                path.chmod(0o755 if path.is_dir() else 0o444)
            elif fault.kind == Kind.ADDED.value:
                path.unlink()
            else:
                fresh = folder / f"{_UNFINISHED}file"
                fresh.unlink(missing_ok=True)
                _make_folders(folder, path.parent)
                source = self.incoming.whole(manifest.files()[fault.path].sha256)
                if not source.exists():
                    raise BundleFault(
                        "changed",
                        f"{path} is {fault.kind}, and its model was not fetched now: pull that one too, or unpack the"
                        " whole bundle",
                    )
                os.chmod(source, 0o444)
                os.link(source, fresh)
                os.replace(fresh, path)
            settle(path.parent)

    def _used_up(self, manifest: Manifest) -> None:
        for file in manifest.files().values():
            self.incoming.whole(file.sha256).unlink(missing_ok=True)

    def _point(self, link: str, name: str) -> None:
        fresh = self.directory / f".{link}.unfinished"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(f"{self.folder.name}/{name}")
        os.replace(fresh, self.directory / link)
        settle(self.directory)

    def _clear(self) -> None:
        for each in self.folder.iterdir():
            if each.name.startswith((_UNFINISHED, _GONE)):
                shutil.rmtree(each)


# --- parts --------------------------------------------------------------------------------------------


def _made(path: Path) -> float:
    return path.lstat().st_mtime


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "?" for c in name)[:40]


def _make_folders(root: Path, folder: Path) -> None:
    """Each with the same mode, whatever the umask is."""
    for depth in range(len(folder.relative_to(root).parts)):
        path = root.joinpath(*folder.relative_to(root).parts[: depth + 1])
        with suppress(FileExistsError):
            path.mkdir()
            path.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse while a process holds the version."""
    try:
        descriptor = os.open(folder / MANIFEST_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:  # without its list no server has opened it
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BundleFault(
                "in_use",
                f"a running server uses {folder.name}; restart it on the current version first",
            ) from None
        yield
    finally:
        os.close(descriptor)
