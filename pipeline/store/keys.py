"""Where the install key comes from: a file, a systemd credential, a command, or (with a warning) the environment.

Checks who may read it, writes it whole or not at all, and copies it only away from the data. Knows no table.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, assert_never

from phi.envelope import KeyRing, KeyTextInvalid
from pipeline.finished_file import settle
from pipeline.machine import parse
from pipeline.private_folder import make_private
from pipeline.store.faults import KeyFault
from pipeline.telemetry.events import Event, emit

COMMAND_LIMIT_S: Final = 20.0
GONE_AT_RESTART: Final = {"tmpfs", "ramfs"}
"""File systems in memory."""
_BYTES_MAX: Final = 65_536


KeyKind = Literal["file", "credential", "command", "environment"]


class KeyInEnvironment(Event):
    """The install key came from a variable: every child and `/proc` may show it. A file or credential is safer."""

    bytes: int


@dataclass(frozen=True, slots=True)
class KeySource:
    """Which of the four, and what it needs."""

    kind: KeyKind
    file: Path
    """The key file; for a credential its file in the service's credentials directory."""
    command: tuple[str, ...] = ()
    """A program and its arguments; prints the key."""
    command_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    deployment: str = ""
    """Whose key it must be; "": anybody's."""

    def shown(self) -> str:
        """For sentences."""
        return {
            "file": str(self.file),
            "credential": f"the systemd credential {self.file.name}",
            "command": "what store.key_command prints",
            "environment": "the variable WARDLINE_STORE_KEY_TEXT",
        }[self.kind]

    def exists(self) -> bool:
        """False when a first start may make the key; only a file can be made."""
        return self.kind != "file" or self.file.exists() or self.file.is_symlink()

    def load(self) -> KeyRing:
        """Read the key, or raise `KeyFault` with what to do."""
        return _of_deployment(self._read(), self.deployment, self.shown())

    def bind(self) -> None:
        """Write the deployment into a key file that names none yet; a key from elsewhere is bound by the store alone."""
        if self.kind == "file" and self.deployment and not self._read().deployment:
            self.replace(self.load())

    def _read(self) -> KeyRing:
        match self.kind:
            case "file":
                text = _read(self.file, others=0o077)
            case "credential":
                text = _read(self.file, others=0o007)  # systemd gives the group access by ACL
            case "command":
                text = self._printed()
            case "environment":
                text = self.text
                emit(KeyInEnvironment(bytes=len(text)))
            case _:
                assert_never(self.kind)
        try:
            return KeyRing.from_text(text)
        except KeyTextInvalid as error:
            raise KeyFault(
                "key_invalid",
                f"{self.shown()} holds no usable key: {error};"
                " bring back the copy you exported with `wardline key import FILE`",
            ) from None

    def create(self) -> KeyRing:
        """Make a new key file; never over one that is there."""
        ring = replace(KeyRing.new(), deployment=self.deployment)
        make_private_parent(self.file)
        write_new(self.file, ring.to_text())
        return ring

    def replace(self, ring: KeyRing) -> None:
        """Change the key file, whole or not at all."""
        if self.kind != "file":
            raise KeyFault(
                "key_elsewhere",
                f"the key comes from {self.shown()}, which wardline cannot change; write the key to a file,"
                ' run the server once with store.key = "file", rotate, and put the new text back where it came from',
            )
        fresh = self.file.with_name(f".{self.file.name}.new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        write_new(fresh, ring.to_text())
        fresh.replace(self.file)
        settle(self.file.parent)

    def _printed(self) -> str:
        try:
            done = subprocess.run(  # noqa: S603  # the operator's own program, no shell
                self.command,
                capture_output=True,
                check=False,
                env=dict(self.command_environment),
                stdin=subprocess.DEVNULL,
                timeout=COMMAND_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KeyFault(
                "key_command",
                f"store.key_command did not run to its end ({type(error).__name__}); try it by hand as this user",
            ) from None
        if done.returncode != 0:
            raise KeyFault(
                "key_command",
                f"store.key_command ended with status {done.returncode}; try it by hand as this user",
            )
        return done.stdout[: _BYTES_MAX + 1].decode(errors="replace")


def export(ring: KeyRing, to: Path, away_from: tuple[Path, ...]) -> None:
    """Copy the key to another file system than the data's: a copy that burns with the data is none (row C6)."""
    target = to.parent.resolve()
    try:
        here = target.stat().st_dev
    except OSError as error:
        raise KeyFault("export", f"{target}: {error.strerror}; give a folder that exists") from None
    for data in away_from:
        if here == _device(data):
            raise KeyFault(
                "export",
                f"{to} is on the same file system as {data}: both would be lost, or stolen, together;"
                " give a path on another medium, e.g. a USB stick that you keep in a safe",
            )
    mounts = parse.mounts(Path("/proc/self/mountinfo").read_text())
    mount = parse.mount_of(str(target), mounts)
    if mount is not None and mount.filesystem in GONE_AT_RESTART:
        raise KeyFault(
            "export",
            f"{to} is in this machine's memory: the copy would be gone at the next restart;"
            " give a path on another medium, e.g. a USB stick that you keep in a safe",
        )
    write_new(to, ring.to_text())


def read_exported(path: Path, deployment: str = "", named: str = "") -> KeyRing:
    """Read a copy that `export` wrote, wherever it lies and whoever may read it there.

    A key of another deployment is refused unless that one is named; it then belongs to ours.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES_MAX + 1).decode(errors="replace")
    except OSError as error:
        raise KeyFault("key_missing", f"{path}: {error.strerror}; give the exported file") from None
    try:
        ring = KeyRing.from_text(text)
    except KeyTextInvalid as error:
        raise KeyFault("key_invalid", f"{path}: {error}; give the exported file") from None
    if named:
        require_named(named, ring.deployment, str(path))
        return replace(ring, deployment=deployment)
    try:
        return _of_deployment(ring, deployment, str(path))
    except KeyFault as error:
        raise KeyFault(
            "deployment", f"{error}. {ADOPT.format('key import', ring.deployment)}"
        ) from None


ADOPT: Final = "To use it here all the same, name it: wardline {} --from-deployment {} FILE"


def require_named(named: str, found: str, where: str) -> None:
    """Refuse when the deployment that somebody named is not the one that is found."""
    if named != found:
        whose = f'of the deployment "{found}"' if found else "of no deployment"
        raise KeyFault("deployment", f'{where} is {whose}, not of "{named}"; name the right one')


def other_deployment(where: str, found: str, ours: str) -> str:
    """Why data or a key of another deployment is not opened."""
    return (
        f'{where} is of the deployment "{found}", and deployment.name is "{ours}": two deployments never share data or'
        f' keys. Set deployment.name = "{found}", or give this one its own with state.directory, store.directory'
        " and store.key_file"
    )


def make_private_parent(file: Path) -> None:
    """The folder of a secret, made for its owner alone."""
    try:
        make_private(file.parent)
    except OSError as error:
        raise KeyFault(
            "permissions",
            f"cannot make {file.parent}: {error.strerror}; choose a folder of this user",
        ) from None


def write_new(path: Path, text: str) -> None:
    """Write a secret that nobody else may read to a file that is not there yet, and see it on the disk."""
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        settle(path.parent)
    except FileExistsError:
        raise KeyFault(
            "exists", f"{path} exists already and is never overwritten; give another name"
        ) from None
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise KeyFault("permissions", f"cannot write {path}: {error.strerror}") from None


# --- parts --------------------------------------------------------------------------------------------


def _read(path: Path, *, others: int) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise KeyFault(
            "key_missing",
            f"there is no key at {path}; bring back the copy you exported with `wardline key import FILE`."
            " Without the key nobody can read the store",
        ) from None
    except OSError as error:
        raise KeyFault(
            "permissions", f"cannot read the key {path}: {error.strerror}; this user must own it"
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        mode = stat.S_IMODE(facts.st_mode)
        if not stat.S_ISREG(facts.st_mode):
            raise KeyFault("permissions", f"the key {path} is no ordinary file")
        if facts.st_uid not in {os.geteuid(), 0}:
            raise KeyFault("permissions", f"the key {path} belongs to another user; run: chown")
        if mode & others:
            raise KeyFault(
                "permissions",
                f"the key {path} may be read by other users (mode {mode:04o}); run: chmod 600 {path}."
                " If anyone else was on this machine, then also `wardline key rotate`",
            )
        return file.read(_BYTES_MAX + 1).decode(errors="replace")


def _of_deployment(ring: KeyRing, ours: str, where: str) -> KeyRing:
    """The ring as this deployment's; refused when it is another's."""
    if not ours:
        return ring
    if ring.deployment and ring.deployment != ours:
        raise KeyFault("deployment", other_deployment(where, ring.deployment, ours))
    return replace(ring, deployment=ours)


def _device(path: Path) -> int:
    """The file system of a path, or of the nearest folder above it that exists."""
    path = path.resolve()
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
