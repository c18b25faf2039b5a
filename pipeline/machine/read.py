"""Looks at the machine: /proc, /sys, and what nft and apt print. The thin shell around `judge`; it decides nothing.

Needs no right and no network; what this user may not see becomes None. Every program it runs ends within a limit.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pipeline import config
from pipeline.audit.folder import audit_folder, keys_folder
from pipeline.clock import wall_now
from pipeline.config import exposed_by, is_loopback
from pipeline.machine import parse
from pipeline.machine.facts import (
    Block,
    ClockState,
    Cores,
    Firewall,
    Kept,
    KeyPlace,
    Machine,
    Patches,
    Swap,
    Volume,
)
from pipeline.settings import Settings
from pipeline.telemetry import log

PROGRAM_LIMIT_S = 30.0
"""apt's simulation takes six seconds on a slow machine."""
ABOVE = "the folder"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PR_GET_DUMPABLE = 3
_STA_UNSYNC = 0x0040
_DEVICES_MAX = 256


Run = Callable[..., str | None]
"""A program of the system and its arguments in; what it printed out, None when it did not work."""


def look(settings: Settings, config_file: Path | None = None, run: Run | None = None) -> Machine:
    """Everything; takes some seconds for apt."""
    run = run or _printed
    mounts = parse.mounts(_text("/proc/self/mountinfo") or "")
    volumes = tuple(_volumes(settings, mounts))
    swaps = _swaps(mounts)
    devices = {volume.device for volume in volumes} | {swap.device for swap in swaps or ()}
    uid = _uid(settings)
    kept, unseen = _kept(settings, config_file)
    store = settings.store
    return Machine(
        volumes=volumes,
        blocks=blocks(devices, mounts),
        remote_data=bool(store.url),
        swaps=swaps,
        cores=_cores(settings),
        firewall=_firewall(run),
        patches=_patches(run),
        clock=clock_state(),
        kept=kept,
        unseen=unseen,
        uid=uid,
        key=_key(settings),
        programs=frozenset(_programs()),
        loopback_only=not exposed_by(settings),
    )


# --- disks ---------------------------------------------------------------------------------------


def _volumes(settings: Settings, mounts: list[parse.Mount]) -> Iterator[Volume]:
    places = {
        "state.directory": Path(settings.state.directory),
        "audit.directory": audit_folder(settings),
    }
    if not settings.store.url:
        places["store.directory"] = config.data_directory(settings)
    if settings.recording.mode != "off":
        places["recording.directory"] = config.recording_directory(settings)
    if settings.log.file:
        places["log.file"] = Path(settings.log.file).parent
    for what, path in places.items():
        mount = parse.mount_of(str(nearest(path)), mounts)
        if mount is None:
            yield Volume(what, "", "")
        else:
            yield Volume(what, _device(mount), mount.filesystem)


def _device(mount: parse.Mount) -> str:
    """The block device of a mount; that of a btrfs is known by its source alone."""
    if not mount.device.startswith("0:"):
        return mount.device
    return _device_of(mount.source) if mount.source.startswith("/dev/") else ""


def _device_of(node: str) -> str:
    """MAJOR:MINOR of a device file."""
    try:
        facts = os.stat(node)
    except OSError:
        return ""
    if not stat.S_ISBLK(facts.st_mode):
        return ""
    return f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"


def _swaps(mounts: list[parse.Mount]) -> tuple[Swap, ...] | None:
    text = _text("/proc/swaps")
    if text is None:
        return None
    found = []
    for path, kind in parse.swaps(text):
        mount = parse.mount_of(path, mounts) if kind == "file" else None
        found.append(Swap(path, _device(mount) if mount else _device_of(path)))
    return tuple(found)


def blocks(
    devices: set[str], mounts: list[parse.Mount], sysfs: Path = Path("/sys/dev/block")
) -> dict[str, Block]:
    """These devices and all they lie on."""
    found: dict[str, Block] = {}
    waiting = sorted(devices - {""})
    while waiting and len(found) < _DEVICES_MAX:
        device = waiting.pop()
        if device in found:
            continue
        block = _block(sysfs / device, mounts)
        if block is not None:
            found[device] = block
            waiting += block.under
    return found


def _block(link: Path, mounts: list[parse.Mount]) -> Block | None:
    try:
        folder = link.resolve(strict=True)
        under = [(_text(slave / "dev") or "").strip() for slave in folder.glob("slaves/*")]
    except OSError:
        return None
    if (folder / "partition").exists():
        under.append((_text(folder.parent / "dev") or "").strip())
    if backing := (_text(folder / "loop/backing_file") or "").strip():
        mount = parse.mount_of(backing, mounts)
        under.append(_device(mount) if mount else "")
    return Block(folder.name, (_text(folder / "dm/uuid") or "").strip(), tuple(under))


def nearest(path: Path) -> Path:
    """The whole, resolved path, or of what is not there yet the folder above it that is."""
    path = Path(os.path.realpath(path))
    while not os.path.exists(path) and path != path.parent:  # False, too, where we may not look
        path = path.parent
    return path


# --- keys, files ---------------------------------------------------------------------------------


def _key(settings: Settings) -> KeyPlace:
    store = settings.store
    file = config.key_file_of(settings)
    if store.key == "credential":
        file = Path(store.credentials_directory) / store.key_credential
    here = bool(store.url) and is_loopback(urlsplit(store.url).hostname or "localhost")
    return KeyPlace(
        store.key,
        _file_system(file),
        None if store.url else _file_system(config.data_directory(settings)),
        bool(store.url),
        here,
    )


def _file_system(path: Path) -> int | None:
    try:
        return nearest(path).stat().st_dev
    except OSError:
        return None


def _uid(settings: Settings) -> int:
    """Who the server runs as: root who looks is not the one whose files they should be."""
    uid = os.geteuid()
    if uid:
        return uid
    with contextlib.suppress(OSError):
        return Path(settings.state.directory).stat().st_uid
    return uid


def _kept(settings: Settings, config_file: Path | None) -> tuple[tuple[Kept, ...], tuple[str, ...]]:
    found: dict[str, Kept] = {}
    unseen: list[str] = []
    above: set[str] = set()
    for what, path, private in _ours(settings, config_file):
        whole = os.path.realpath(path)
        try:
            facts = os.stat(whole)
        except (FileNotFoundError, NotADirectoryError):
            continue  # made for its owner alone when it is needed
        except OSError:
            unseen.append(what)
            continue
        found[whole] = Kept(what, str(path), stat.S_IMODE(facts.st_mode), facts.st_uid, private)
        above.update(parse.parents(whole))
    for path_above in sorted(above - found.keys()):
        with contextlib.suppress(OSError):
            facts = os.stat(path_above)
            # whose it is says nothing: what counts is that not everybody can put another file there
            mode = stat.S_IMODE(facts.st_mode) & ~0o020
            found[path_above] = Kept(ABOVE, path_above, mode, 0, private=False)
    return tuple(found.values()), tuple(unseen)


def _ours(settings: Settings, config_file: Path | None) -> Iterator[tuple[str, Path, bool]]:
    """What, where, and whether nobody else may read it."""
    state, data = Path(settings.state.directory), config.data_directory(settings)
    keys = keys_folder(settings)
    yield "state.directory", state, False
    yield "staff tokens", state / "staff_tokens.json", True
    yield "end-of-call reports", state / "reports", True
    yield "webhook spool", state / "webhook", True
    yield "audit.directory", audit_folder(settings), True
    yield "audit.keys", keys, True
    for name in ("signing.pem", "caller.key"):
        yield "audit.keys", keys / name, True
    if not settings.store.url:
        yield "store.directory", data, True
        yield "store.directory", data / "requests.db", True
    yield "recording.directory", config.recording_directory(settings), True
    if settings.store.key == "file":
        yield "store.key_file", config.key_file_of(settings), True
    holds_secrets = any(
        rules.get("secret") and value for _, value, rules in config.leaves(settings)
    )
    if config_file is not None:
        yield "the configuration", config_file, holds_secrets
    for what, text, private in (
        ("tls.key", settings.tls.key, True),
        ("tls.cert", settings.tls.cert, False),
        ("store.password_file", settings.store.password_file, True),
        ("practice.flow_file", settings.practice.flow_file, False),
        ("log.file", settings.log.file, False),
    ):
        if text:
            yield what, Path(text), private


# --- the kernel and the system -------------------------------------------------------------------


def _cores(settings: Settings) -> Cores:
    log.no_core_dumps()  # as each process of the server does; a command that reads settings needs none either
    limit, _ = resource.getrlimit(resource.RLIMIT_CORE)
    dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    neighbours = []
    if settings.engines.llm == "openai":
        neighbours.append("the model's server")
    if settings.store.url and is_loopback(urlsplit(settings.store.url).hostname or "localhost"):
        neighbours.append("the database server")
    return Cores(limit, dumpable, _text("/proc/sys/kernel/core_pattern"), tuple(neighbours))


def _firewall(run: Run) -> Firewall | None:
    text = run("nft", "-j", "list", "ruleset")
    legacy = bool((_text("/proc/net/ip_tables_names") or "").strip())
    return parse.firewall(text, legacy=legacy) if text is not None else None


def _patches(run: Run) -> Patches | None:
    text = run("apt-get", "--simulate", "-o", "Debug::NoLocking=true", "upgrade")
    settings = run("apt-config", "dump") or ""
    return Patches(
        pending=parse.security_updates(text) if text is not None else None,
        lists_age_days=_age_days(Path("/var/lib/apt/lists")),
        restart_wanted=Path("/run/reboot-required").exists(),
        automatic=parse.updates_itself(settings),
    )


def _age_days(folder: Path) -> float | None:
    """Of the newest list of packages; None: there is none."""
    try:
        newest = max(
            (entry.stat().st_mtime for entry in os.scandir(folder) if entry.is_file()),
            default=None,
        )
    except OSError:
        return None
    return None if newest is None else max(0.0, (wall_now().timestamp() - newest) / 86_400)


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def clock_state() -> ClockState:
    """What the kernel says of its clock."""
    year = wall_now().year
    timex = _Timex()  # modes 0: only read
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
        return ClockState(year, None, 0.0)
    return ClockState(year, not timex.status & _STA_UNSYNC, timex.maxerror / 1000)


def _programs() -> Iterator[str]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (name := _text(folder / "comm")):
            yield name.strip()


def _text(path: str | Path) -> str | None:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None


def _printed(program: str, *arguments: str) -> str | None:
    """What a program of the system prints; None when it is not there, failed or took too long."""
    path = shutil.which(program, path=_SYSTEM_PATH)
    if path is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # the system's own programs, by their whole path
            [path, *arguments],
            capture_output=True,
            check=False,
            env=config.child_environment({"LC_ALL": "C"}),
            stdin=subprocess.DEVNULL,
            timeout=PROGRAM_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
