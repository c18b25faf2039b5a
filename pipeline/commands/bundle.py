"""`wardline bundle`: the models of a box as one checked set: list, pull, pack, unpack, verify, rollback, remove, sbom.

`pull` alone goes out, and only to the hub or mirror that catalogue and settings name; every other action works on a
machine without a network.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import sys
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from pipeline import config
from pipeline.bundle.disk import MARGIN_BYTES
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import Manifest
from pipeline.bundle.opened import bundle_directory, sentence
from pipeline.bundle.packing import pack, pack_file, unpack
from pipeline.bundle.telling import amount
from pipeline.bundle.verify import check, manifest_of
from pipeline.bundle.versions import Bundles
from pipeline.cli import Command
from pipeline.clock import MonotonicClock, wall_now
from pipeline.commands.bundle_shown import catalogue_of, show
from pipeline.commands.bundle_telling import Bar
from pipeline.commands.check_config import say_faults
from pipeline.egress import guard
from pipeline.egress.places import Place
from pipeline.errors import ConfigError, StartUpError
from pipeline.evidence import installed, sbom
from pipeline.hub.download import Patience
from pipeline.hub.pull import Arrived, Pulled, pull
from pipeline.hub.route import Route, route
from pipeline.hub.wire import Wire, resolve
from pipeline.settings import Settings


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, help_text: str, act: object) -> argparse.ArgumentParser:
        found = actions.add_parser(name, help=help_text, description=help_text)
        found.add_argument("--config", metavar="FILE", help="the server's configuration file")
        found.set_defaults(act=act)
        return found

    listing = action("list", "Show the catalogue and what is here", _list)
    listing.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="instead of the shipped one"
    )
    listing.add_argument("--json", action="store_true", help="print JSON")

    fetching = action("pull", "Fetch models; the only action that uses a network", _pull)
    fetching.add_argument(
        "models", nargs="+", metavar="MODEL", help="ids of `bundle list`; ID@COMMIT: at that commit"
    )
    fetching.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="instead of the shipped one"
    )
    fetching.add_argument(
        "--alone", action="store_true", help="without what the current version holds besides"
    )
    _about_new(fetching)

    packing = action("pack", "Write a version as one file for a box without a network", _pack)
    packing.add_argument("file", metavar="FILE", help='a new file; "-" is standard output')
    packing.add_argument(
        "--version", default="current", metavar="VERSION", help="default: the current one"
    )

    opening = action("unpack", "Make a version of such a file", _unpack)
    opening.add_argument("file", metavar="FILE", help='what `pack` wrote; "-" is standard input')
    opening.add_argument(
        "--fingerprint", metavar="SHA256", default="", help="refuse any other bundle than this one"
    )
    _about_new(opening)

    verifying = action("verify", "Read every file and compare it with the list", _verify)
    verifying.add_argument("version", nargs="?", default="current", metavar="VERSION")
    verifying.add_argument(
        "--fingerprint", metavar="SHA256", default="", help="compare the list's own, too"
    )

    back = action("rollback", "Make another version the current one", _rollback)
    back.add_argument("version", nargs="?", default="previous", metavar="VERSION")

    removing = action("remove", "Take a version away, never one in use", _remove)
    removing.add_argument("version", nargs="?", metavar="VERSION")
    removing.add_argument(
        "--previous-too", action="store_true", help="even what rollback returns to"
    )
    removing.add_argument(
        "--incoming", action="store_true", help="half files of pulls that were given up"
    )

    listing_parts = action("sbom", "Print the models as CycloneDX JSON", _sbom)
    listing_parts.add_argument("version", nargs="?", default="current", metavar="VERSION")


def _about_new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-switch", action="store_true", help="leave the current version current"
    )
    parser.add_argument(
        "--margin-mb",
        type=int,
        default=MARGIN_BYTES >> 20,
        metavar="MB",
        help="disk left free besides (default: %(default)s)",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        status: int = arguments.act(arguments, settings, Bundles(bundle_directory(settings)))
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline bundle: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output has enough
        return 1
    except OSError as error:
        print(f"wardline bundle: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return status


def _list(arguments: argparse.Namespace, _: Settings, bundles: Bundles) -> int:
    return show(arguments, bundles)


# --- pull ---------------------------------------------------------------------------------------------


def _pull(arguments: argparse.Namespace, settings: Settings, bundles: Bundles) -> int:
    catalogue = catalogue_of(arguments.catalogue)
    entries = catalogue.chosen(arguments.models)
    way = route(catalogue, settings.bundle)
    wire = Wire(way, fence(way))
    bar = Bar()
    try:
        pulled = pull(
            bundles,
            entries,
            way,
            wire,
            bar,
            Patience(MonotonicClock()),
            alone=arguments.alone,
            switch=not arguments.no_switch,
            margin_bytes=max(0, arguments.margin_mb) << 20,
        )
    finally:
        bar.close()
    _say_pulled(pulled, bundles)
    return 0


def fence(way: Route) -> dict[str, tuple[str, ...]]:
    """Ask for the listed hosts' addresses, then let this process connect to those and to nothing else."""
    addresses = resolve(way)
    first = way.proxy or way.place_of(way.base)
    if first.host not in addresses:
        raise BundleFault(
            "unreachable",
            f"the name {first.host} has no address here: there is no network, or it is wrong (bundle.mirror, bundle.proxy)."
            " On a box without a network use `wardline bundle unpack`",
        )
    guard.install(
        Place("hub", "hub", _network(address), place.port, place.port, "tcp")
        for place in way.connects_to
        for address in addresses.get(place.host, ())
    )
    return addresses


def _network(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(address.partition("%")[0])


def _say_pulled(pulled: Pulled, bundles: Bundles) -> None:
    first = [each for each in pulled.arrived if each.known_by == "first pull"]
    for each in sorted(pulled.arrived, key=_path):
        print(f"{each.sha256}  {each.path}  ({each.known_by})")
    if first:
        print(
            f"\n{len(first)} small files are taken on trust at this first pull: nobody had announced their SHA-256."
        )
    print("\nLet a second person fetch the same on another line, and compare the fingerprint:")
    again = " ".join(f"{model.id}@{model.revision}" for model in pulled.manifest.models)
    print(f"  wardline bundle pull --alone {again}")
    _say_new(pulled.name, pulled.before, pulled.manifest, bundles)


def _path(arrived: Arrived) -> str:
    return arrived.path


def _say_new(name: str, before: str, manifest: Manifest, bundles: Bundles) -> None:
    print(f"\nbundle      {name}, {len(manifest.files())} files, {amount(manifest.bytes)}")
    print(f"fingerprint {manifest.fingerprint}")
    if bundles.linked("current") == name:
        print(
            f"It is the current version now{f', {before} the previous' if before not in {'', name} else ''}."
        )
        print("Restart the server to load it. Name its models in the settings as:")
        for model in manifest.models:
            print(f"  {bundles.directory}/current/{model.id}")
    else:
        print(f"`wardline bundle rollback {name}` makes it the current version.")


# --- pack, unpack -------------------------------------------------------------------------------------


def _pack(arguments: argparse.Namespace, _: Settings, bundles: Bundles) -> int:
    name = bundles.named(arguments.version)
    manifest = manifest_of(bundles.version(name))
    bar = Bar()
    try:
        if arguments.file == "-":
            pack(bundles.version(name), manifest, sys.stdout.buffer, bar)
            sys.stdout.buffer.flush()
        else:
            pack_file(bundles.version(name), manifest, Path(arguments.file), bar)
    finally:
        bar.close()
    print(f"bundle {name} packed. Tell the other side by another way:", file=sys.stderr)
    print(f"fingerprint {manifest.fingerprint}", file=sys.stderr)
    return 0


def _unpack(arguments: argparse.Namespace, settings: Settings, bundles: Bundles) -> int:
    wanted = arguments.fingerprint.lower()
    allowed = settings.bundle.fingerprints

    def accept(manifest: Manifest) -> None:
        if (wanted and manifest.fingerprint != wanted) or (
            allowed and manifest.fingerprint not in allowed
        ):
            raise BundleFault(
                "fingerprint",
                f"the pack has the fingerprint {manifest.fingerprint}, which is not the one that is expected; nothing was"
                " unpacked. Ask who packed it",
            )

    bar = Bar()
    try:
        with bundles.locked():
            with _opened(arguments.file) as source:
                manifest = unpack(
                    source,
                    bundles.incoming,
                    bar,
                    accept=accept,
                    margin_bytes=max(0, arguments.margin_mb) << 20,
                )
            name = bundles.place(manifest)
            before = bundles.linked("current") if arguments.no_switch else bundles.switch(name)
    finally:
        bar.close()
    _say_new(name, before, manifest, bundles)
    if not wanted and manifest.fingerprint not in allowed:
        print("Compare the fingerprint with the one you were told; --fingerprint does it for you.")
    return 0


def _opened(name: str) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise BundleFault(
            "pack", f"{name}: {error.strerror}; name a file that `pack` wrote"
        ) from None


# --- verify, rollback, remove -------------------------------------------------------------------------


def _verify(arguments: argparse.Namespace, settings: Settings, bundles: Bundles) -> int:
    name = bundles.named(arguments.version)
    manifest = _checked(bundles, name)
    print(f"WHOLE       {name}, {len(manifest.files())} files, {amount(manifest.bytes)}")
    print(f"fingerprint {manifest.fingerprint}")
    wanted = {arguments.fingerprint.lower()} - {""} or set(settings.bundle.fingerprints)
    if wanted and manifest.fingerprint not in wanted:
        raise BundleFault(
            "fingerprint", "its files fit its list, but the fingerprint is not the expected one"
        )
    if not wanted:
        print(
            "Its files fit its own list; compare the fingerprint with the one you kept elsewhere."
        )
    return 0


def _checked(bundles: Bundles, name: str) -> Manifest:
    """Read a version in full; raises `BundleFault` with every file that is not as listed."""
    folder = bundles.version(name)
    manifest = manifest_of(folder)
    bar = Bar()
    try:
        faults = check(folder, manifest, bar)
    finally:
        bar.close()
    if faults:
        print(f"NOT WHOLE   {name}")
        for fault in faults:
            print(
                f"{fault.kind:<11} {''.join(c if c.isprintable() else '?' for c in fault.path)[:200]}"
            )
        raise BundleFault("changed", sentence(folder, faults))
    return manifest


def _rollback(arguments: argparse.Namespace, _: Settings, bundles: Bundles) -> int:
    with bundles.locked():
        name = bundles.named(arguments.version)
        manifest = _checked(bundles, name)
        before = bundles.switch(name)
    _say_new(name, before, manifest, bundles)
    return 0


def _remove(arguments: argparse.Namespace, _: Settings, bundles: Bundles) -> int:
    if not arguments.version and not arguments.incoming:
        raise BundleFault("no_version", "name a version of `wardline bundle list`, or --incoming")
    with bundles.locked():
        freed = bundles.incoming.clear() if arguments.incoming else 0
        if arguments.version:
            name = bundles.named(arguments.version)
            freed += bundles.remove(name, previous_too=arguments.previous_too)
    print(f"{amount(freed)} are free again")
    return 0


# --- sbom ---------------------------------------------------------------------------------------------


def _sbom(arguments: argparse.Namespace, _: Settings, bundles: Bundles) -> int:
    name = bundles.named(arguments.version)
    manifest = manifest_of(bundles.version(name))
    tree = sbom.bom(
        installed.own(),
        (),
        None,
        platform={},
        models=models_of(manifest),
        serial=str(uuid4()),
        made=wall_now().isoformat(timespec="seconds"),
    )
    print(json.dumps(tree, indent=1))
    return 0


def models_of(manifest: Manifest) -> list[sbom.Model]:
    """Every file of a bundle as a part of the parts list."""
    return [
        sbom.Model(
            f"{model.id}/{file.path}",
            file.sha256,
            file.bytes,
            licence=model.licence,
            version=model.revision,
            repository=model.repository,
        )
        for model in manifest.models
        for file in model.files
    ]


command = Command("bundle", "Fetch, move and verify the models of a box", _configure, _run)
