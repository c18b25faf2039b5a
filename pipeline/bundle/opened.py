"""The models a program is about to load, checked before any engine sees them, and pinned for as long as it runs.

Only what the settings name below `bundle.directory` is a bundle's; a model elsewhere is the operator's own and is
said to be unchecked, or refused where fingerprints are pinned. The voice server and the one that keeps vLLM check what
each loads itself: neither waits for the other's gigabytes, or fails for them. Reads files; knows no network and no hub.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pipeline import config
from pipeline.bundle import stamp
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import Manifest
from pipeline.bundle.telling import Tell
from pipeline.bundle.verify import (
    REMEDY,
    Fault,
    check,
    entries,
    found_by_name,
    manifest_of,
    open_folders,
    wanted_of,
)
from pipeline.bundle.versions import Bundles
from pipeline.clock import Clock, wall_now
from pipeline.settings import Settings
from pipeline.telemetry.events import Event, Token, emit

FAULTS_SAID_MAX = 5
_KINDS = {"file", "directory"}
LANGUAGE_MODEL = "llm_server.model_directory"
_OWN = ("engines", "llm_server")
"""Sections whose models are said to be unchecked where they are in no bundle."""

Loader = Literal["voice server", "model server"]
LOADERS: tuple[Loader, ...] = ("voice server", "model server")


class ModelsChecked(Event):
    """Every configured model of this bundle is what its list says; `read`: files read in full, the others had not moved."""

    bundle: Token
    models: int
    files: int
    read: int
    took_ms: float


@dataclass(slots=True)
class Opened:
    """What may be loaded now."""

    settings: Settings
    """With whole paths in place of `current`: a worker that starts later loads the same files."""
    said: tuple[str, ...] = ()
    held: list[int] = field(default_factory=list)
    """Descriptors: versions in use, which nobody removes while they are open."""

    def close(self) -> None:
        """The server has ended."""
        while self.held:
            os.close(self.held.pop())


@dataclass(frozen=True, slots=True)
class Used:
    """One configured path that lies in a bundle."""

    key: str
    version: str
    model_id: str


def bundle_directory(settings: Settings) -> Path:
    """Where bundles lie; a whole path."""
    named = settings.bundle.directory or Path(settings.state.directory) / "models"
    return Path(os.path.abspath(named))


def stamps_folder(settings: Settings) -> Path:
    """Where it is remembered what was read."""
    return Path(os.path.abspath(settings.state.directory)) / "model-stamps"


def open_models(
    settings: Settings,
    tell: Tell,
    clock: Clock,
    now: Callable[[], datetime] = wall_now,
    *,
    loader: Loader = "voice server",
) -> Opened:
    """Check every configured model that this program loads; raises `BundleFault` that names files and remedy. Close what is returned."""
    bundles = Bundles(bundle_directory(settings))
    pinned, used, outside = _sort(settings, bundles, loader)
    if outside and settings.bundle.fingerprints:
        raise BundleFault(
            "outside",
            f"{', '.join(outside)}: not in bundle.directory ({bundles.directory}), and bundle.fingerprints allows only"
            " listed bundles; name a folder below bundle.directory/current",
        )
    opened = Opened(pinned)
    try:
        checked = [
            _check_version(settings, bundles, opened, version, used, tell, now, clock)
            for version in sorted({each.version for each in used})
        ]
        opened.said = tuple(_sentences(checked, outside))
    except BaseException:
        opened.close()
        raise
    for event in checked:
        emit(event)
    return opened


def models_in_bundles(settings: Settings, *loaders: Loader) -> bool:
    """Whether any model that these programs load (none named: any) lies in a bundle."""
    return bool(_used_by(settings, Bundles(bundle_directory(settings)), loaders))


def still_whole(settings: Settings, *loaders: Loader) -> tuple[Fault, ...]:
    """What moved since the start, without reading files; for a look while the server runs."""
    bundles = Bundles(bundle_directory(settings))
    used = _used_by(settings, bundles, loaders)
    faults: list[Fault] = []
    for version, model_id in sorted({(each.version, each.model_id) for each in used}):
        folder = bundles.version(version)
        manifest = manifest_of(folder)
        there = dict(entries(folder, [model_id]))
        faults += found_by_name(wanted_of(manifest, [model_id]), there)
        faults += open_folders(folder, [model_id])
    return tuple(sorted(faults))


# --- parts --------------------------------------------------------------------------------------------


def _sort(
    settings: Settings, bundles: Bundles, loader: Loader
) -> tuple[Settings, list[Used], list[str]]:
    """The settings with links followed, the paths in bundles, the engines' paths elsewhere."""
    used: list[Used] = []
    outside: list[str] = []
    # what only a pull needs stays out of the processes that serve
    here = replace(settings.bundle, mirror="", hosts=(), proxy="", ca_file="", token="")
    pinned = replace(settings, bundle=here)
    for key, value, rules in config.leaves(settings):
        if not value or not _loads(loader, key, rules):
            continue
        section, _, name = key.partition(".")
        texts = value if isinstance(value, tuple) else (value,)
        inside = [each for each in (_used(key, text, bundles) for text in texts) if each]
        used += inside
        if section in _OWN and len(inside) < len(texts):
            outside.append(key)
        if inside or section in _OWN:
            whole = tuple(os.path.realpath(text) for text in texts)
            changes: Any = {name: whole if isinstance(value, tuple) else whole[0]}
            pinned = replace(pinned, **{section: replace(getattr(pinned, section), **changes)})
    return pinned, used, outside


def _used_by(settings: Settings, bundles: Bundles, loaders: tuple[Loader, ...]) -> list[Used]:
    return [used for each in loaders or LOADERS for used in _sort(settings, bundles, each)[1]]


def _loads(loader: Loader, key: str, rules: Mapping[str, Any]) -> bool:
    if loader == "model server":
        return key == LANGUAGE_MODEL
    return rules.get("kind") in _KINDS and key.count(".") == 1


def _used(key: str, text: str, bundles: Bundles) -> Used | None:
    """The model of a bundle that a path lies in; None: it is elsewhere. A link that leads out is a `BundleFault`."""
    root, path = Path(os.path.realpath(bundles.folder)), Path(os.path.realpath(text))
    if path.is_relative_to(root) and len(path.relative_to(root).parts) >= 2:
        version, model_id = path.relative_to(root).parts[:2]
        return Used(key, version, model_id)
    if _is_below(text, bundles.directory):
        raise BundleFault(
            "outside",
            f"{key} is below bundle.directory, but leads to {path}, which is in no version there; {REMEDY}, or name that"
            " folder itself: it is then yours to watch",
        )
    return None


def _is_below(text: str, directory: Path) -> bool:
    """Whether it is written below the folder, whatever links do to it."""
    written = Path(os.path.abspath(text))
    return written.is_relative_to(directory) or written.is_relative_to(os.path.realpath(directory))


def _refuse_strange(manifest: Manifest, settings: Settings) -> None:
    wanted = settings.bundle.fingerprints
    if wanted and manifest.fingerprint not in wanted:
        raise BundleFault(
            "fingerprint",
            f"the bundle {manifest.name} has the fingerprint {manifest.fingerprint}, which bundle.fingerprints does not"
            " list; compare it with the one you were told and add it, or go back with `wardline bundle rollback`",
        )


def _check_version(
    settings: Settings,
    bundles: Bundles,
    opened: Opened,
    version: str,
    used: list[Used],
    tell: Tell,
    now: Callable[[], datetime],
    clock: Clock,
) -> ModelsChecked:
    """Hold a version and check those of its models that are configured."""
    began_ms = clock.now_ms()
    opened.held.append(bundles.hold(version))
    manifest = manifest_of(bundles.version(version))
    _refuse_strange(manifest, settings)
    ids = sorted({each.model_id for each in used if each.version == version})
    found = [_check_one(settings, bundles, manifest, each, tell, now()) for each in ids]
    return ModelsChecked(
        bundle=Token(version),
        models=len(ids),
        files=sum(files for files, _ in found),
        read=sum(files for files, was_read in found if was_read),
        took_ms=round(clock.now_ms() - began_ms, 1),
    )


def _check_one(
    settings: Settings,
    bundles: Bundles,
    manifest: Manifest,
    model_id: str,
    tell: Tell,
    began: datetime,
) -> tuple[int, bool]:
    """How many files one model has and whether they were read; raises `BundleFault`."""
    folder = bundles.version(manifest.name)
    if manifest.model(model_id) is None:
        raise BundleFault(
            "added",
            f"{folder / model_id} is not in the list of its bundle; take it out, or {REMEDY}",
        )
    stamps, subject = stamps_folder(settings), f"{folder} {manifest.fingerprint} {model_id}"
    before = dict(entries(folder, [model_id]))
    by_name = [
        *found_by_name(wanted_of(manifest, [model_id]), before),
        *open_folders(folder, [model_id]),
    ]
    seen = stamp.facts_of(before)
    if not by_name and stamp.known_since(stamps, subject, seen, began):
        return len(before), False
    faults = by_name or check(folder, manifest, tell, [model_id])
    if faults:
        raise BundleFault("changed", sentence(folder, faults))
    after = stamp.facts_of(dict(entries(folder, [model_id])))
    stamp.remember(stamps, subject, seen, after, began)
    return len(before), True


def sentence(folder: Path, faults: list[Fault]) -> str:
    """What is wrong with a version's files, and what to do."""
    named = [f"{_plain(fault.path)} ({fault.kind})" for fault in faults[:FAULTS_SAID_MAX]]
    more = len(faults) - len(named)
    return (
        f"the model files in {folder} are not what was fetched: {', '.join(named)}"
        f"{f' and {more} more' if more else ''}; {REMEDY}"
    )


def _plain(path: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in path)[:120]


def _sentences(checked: list[ModelsChecked], outside: list[str]) -> Iterator[str]:
    for each in checked:
        how = "unchanged since they were read"
        if each.read:
            how = f"{each.read} read in full in {each.took_ms / 1000:.1f} s"
        yield f"Models: bundle {each.bundle}, {each.files} files, {how}."
    if outside:
        yield f"Models outside bundle.directory are not checked: {', '.join(outside)}."
