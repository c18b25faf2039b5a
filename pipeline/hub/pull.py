"""Fetches models and makes a version of them and of what the current one holds. Decides nothing about a connection."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from pipeline.bundle.disk import MARGIN_BYTES, refuse_full, sum_of
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import File, Manifest, Model, made_of
from pipeline.bundle.telling import Tell, amount
from pipeline.bundle.verify import manifest_of
from pipeline.bundle.versions import Bundles
from pipeline.hub.catalogue import Entry
from pipeline.hub.download import ATTEMPTS_MAX, Patience, fetch
from pipeline.hub.listing import Listed, Offered, ask, from_catalogue
from pipeline.hub.route import Route
from pipeline.hub.wire import Interrupted, Wire


@dataclass(frozen=True, slots=True)
class Arrived:
    """One file, with its sum and who had said what it must be."""

    path: str
    sha256: str
    known_by: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull made."""

    name: str
    before: str
    manifest: Manifest
    arrived: tuple[Arrived, ...]


def pull(
    bundles: Bundles,
    entries: list[Entry],
    route: Route,
    wire: Wire,
    tell: Tell,
    patience: Patience,
    *,
    alone: bool = False,
    switch: bool = True,
    margin_bytes: int = MARGIN_BYTES,
) -> Pulled:
    """Fetch these models into a new version; `alone`: without the current version's others. Raises `BundleFault`."""
    with bundles.locked():
        listed = [
            from_catalogue(route, each) or _asked(wire, route, each, tell, patience)
            for each in entries
        ]
        models: dict[str, Model] = {}
        kept = "" if alone else bundles.linked("current")
        if kept:
            models = {model.id: model for model in manifest_of(bundles.version(kept)).models}
        wanted = [file for each in listed for file in each.files]
        have = _have(bundles, kept, models, wanted, tell)
        _refuse_no_room(bundles, [file for file in wanted if file.url not in have], margin_bytes)
        arrived: dict[str, Arrived] = {}
        for file in wanted:
            digest = have.get(file.url) or _fetched(wire, file, bundles, tell, patience)
            arrived[file.url] = Arrived(f"{file.model_id}/{file.name}", digest, file.known_by)
        for each in listed:
            models[each.entry.id] = _model(each, arrived)
        manifest = made_of(models)
        name = bundles.place(manifest, kept)
        before = bundles.switch(name) if switch else bundles.linked("current")
    return Pulled(name, before, manifest, tuple(arrived.values()))


# --- parts --------------------------------------------------------------------------------------------


def _asked(wire: Wire, route: Route, entry: Entry, tell: Tell, patience: Patience) -> Listed:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return ask(wire, route, entry)
        except Interrupted as interrupted:
            wait_s = max(interrupted.wait_s, patience.first_wait_s * 2 ** (attempt - 1))
            if attempt < ATTEMPTS_MAX:
                tell.say(
                    f"{entry.id}: {interrupted}; asking again in {wait_s:.0f} s ({attempt} of {ATTEMPTS_MAX})"
                )
                patience.sleep(wait_s)
    raise BundleFault(
        "unreachable",
        f"{entry.id}: the hub or mirror does not answer. Check the connection, bundle.mirror and bundle.proxy; on a box"
        " without a network use `wardline bundle unpack`",
    )


def _have(
    bundles: Bundles, kept: str, models: dict[str, Model], wanted: list[Offered], tell: Tell
) -> dict[str, str]:
    """What need not be fetched, by its address: the current version has the same file at the same place, undamaged."""
    found: dict[str, str] = {}
    for file in wanted:
        model = models.get(file.model_id)
        there = {each.path: each for each in model.files} if model else {}
        same = there.get(file.name)
        if (
            same is None
            or not file.sha256
            or (same.sha256, same.bytes) != (file.sha256, file.bytes)
        ):
            continue
        path = f"{file.model_id}/{file.name}"
        with suppress(OSError):
            if sum_of(bundles.version(kept) / path, tell, path, file.bytes)[0] == file.sha256:
                found[file.url] = file.sha256
    return found


def _refuse_no_room(bundles: Bundles, wanted: list[Offered], margin_bytes: int) -> None:
    total = sum({file.key: file.bytes for file in wanted}.values())
    waiting = min(total, bundles.incoming.waiting_bytes())
    refuse_full(bundles.directory, total - waiting, margin_bytes)


def _fetched(wire: Wire, file: Offered, bundles: Bundles, tell: Tell, patience: Patience) -> str:
    what = f"{file.model_id}/{file.name}"
    if file.sha256 and bundles.incoming.has(file.sha256, file.bytes, tell, what):
        return file.sha256
    tell.say(f"{what}, {amount(file.bytes)}")
    return fetch(wire, file, bundles.incoming, tell, patience)


def _model(listed: Listed, arrived: dict[str, Arrived]) -> Model:
    entry = listed.entry
    files = [File(file.name, file.bytes, arrived[file.url].sha256) for file in listed.files]
    return Model(
        entry.id,
        entry.role,
        entry.repository,
        listed.revision,
        entry.licence,
        entry.languages,
        tuple(sorted(files, key=_path)),
    )


def _path(file: File) -> str:
    return file.path
