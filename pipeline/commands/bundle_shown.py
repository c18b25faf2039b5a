"""What `wardline bundle list` shows: the catalogue with what nobody checked, and the versions that are here."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.telling import amount
from pipeline.bundle.verify import manifest_of
from pipeline.bundle.versions import Bundles
from pipeline.hub.catalogue import Catalogue, Entry, load, shipped

HEARD = {"stt": "hears", "llm": "thinks", "tts": "speaks"}


@dataclass(frozen=True, slots=True)
class Version:
    """One version that is here."""

    version: str
    state: str
    models: list[str]
    fingerprint: str
    bytes: int


def show(arguments: argparse.Namespace, bundles: Bundles) -> int:
    """Print both; returns the exit status."""
    catalogue = catalogue_of(arguments.catalogue)
    versions = [_about(bundles, name) for name in bundles.names()]
    if arguments.json:
        tree = {
            "catalogue": [_row(entry) for entry in catalogue.entries],
            "directory": str(bundles.directory),
            "versions": [asdict(each) for each in versions],
        }
        print(json.dumps(tree, indent=2))
        return 0
    print("Models of the catalogue (~: nobody has checked this):")
    for entry in catalogue.entries:
        _print_entry(entry)
    print(f"\nVersions in {bundles.directory}:")
    for each in versions:
        print(f"  {each.version}  {each.state:<9} {', '.join(each.models)}")
        print(
            f"  {'':16}  fingerprint {each.fingerprint or 'unknown: run `wardline bundle verify`'}"
        )
    if not versions:
        print("  none; `wardline bundle pull MODEL ...` or `wardline bundle unpack FILE` makes one")
    return 0


def catalogue_of(file: Path | None) -> Catalogue:
    """The operator's own, or the shipped one."""
    return load(file) if file else shipped()


def _row(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "role": entry.role,
        "repository": entry.repository,
        "revision": entry.revision or None,
        "licence": entry.licence,
        "languages": list(entry.languages),
        "bytes": entry.bytes or None,
        "gpu_mb": entry.gpu_mb or None,
        "ram_mb": entry.ram_mb or None,
        "why": entry.why,
        "unverified": list(entry.unverified),
        "sums_known": [each.path for each in entry.files if each.sha256],
    }


def _print_entry(entry: Entry) -> None:
    def known(key: str, text: str) -> str:
        return f"~{text}" if key in entry.unverified else text

    memory = [known("gpu_mb", f"{entry.gpu_mb / 1000:.1f} GB on a card")] if entry.gpu_mb else []
    memory += [known("ram_mb", f"{entry.ram_mb / 1000:.1f} GB without")] if entry.ram_mb else []
    facts = (
        HEARD[entry.role],
        " ".join(entry.languages),
        known("bytes", amount(entry.bytes)) if entry.bytes else "size unknown",
        entry.licence,
        *memory,
    )
    print(f"  {entry.id}\n    {', '.join(facts)}\n    {entry.why}")


def _about(bundles: Bundles, name: str) -> Version:
    state = {bundles.linked("previous"): "previous", bundles.linked("current"): "current"}
    try:
        manifest = manifest_of(bundles.version(name))
    except BundleFault:
        return Version(name, "damaged", [], "", 0)
    models = [model.id for model in manifest.models]
    return Version(name, state.get(name, ""), models, manifest.fingerprint, manifest.bytes)
