"""`wardline edge-config`: writes the files of Kamailio and rtpengine for an edge before several gateways."""

from __future__ import annotations

import argparse
import os
import sys
from ipaddress import ip_address
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import WRONG_CONFIGURATION, say_faults
from pipeline.edge.kamailio import kamailio_files
from pipeline.edge.nftables import nftables
from pipeline.edge.plan import EdgeGateway, EdgePlan, EdgeTrunk, faults
from pipeline.edge.rtpengine import rtpengine_conf
from pipeline.errors import ConfigError
from pipeline.settings import Settings

NEXT = """\
Take these to the edge as {place}, readable by Kamailio's user alone, load the kernel's rules and start both
  nft -f {place}/edge.nft
  kamailio -DD -E -f {place}/kamailio.cfg
  rtpengine --config-file={place}/rtpengine.conf
under your service manager. On every gateway the trunk's networks are the edge's address now, which looks after the
carrier's own; requests within a call leave them for {inner} port {port}:
  signalling = ["{inner}/{bits}"]
  media = ["{inner}/{bits}"]
and under [sip], so that a full gateway's call goes to another:
  when_busy = "refuse"
`kamailio -c -f {place}/kamailio.cfg` checks the file there."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument(
        "--out",
        metavar="DIRECTORY",
        type=Path,
        required=True,
        help="where the files are written; made when it is not there",
    )
    parser.add_argument(
        "--place",
        metavar="DIRECTORY",
        default="/etc/wardline-edge",
        help="where they will lie on the edge (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="write over files that are different")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
    except ConfigError as error:
        return say_faults(error)
    plan = plan_of(settings)
    if found := faults(plan):
        print("wardline edge-config: the configuration describes no edge yet:", file=sys.stderr)
        for fault in found:
            print(f"  {fault}", file=sys.stderr)
        return WRONG_CONFIGURATION
    files = {
        **kamailio_files(plan, arguments.place),
        "rtpengine.conf": rtpengine_conf(plan),
        "edge.nft": nftables(plan),
    }
    try:
        changed = _different(arguments.out, files)
        if changed and not arguments.force:
            names = ", ".join(changed)
            print(
                f"wardline edge-config: {names} would change; look at them, then add --force",
                file=sys.stderr,
            )
            return 1
        _write(arguments.out, files)
    except OSError as error:
        print(
            f"wardline edge-config: the directory cannot be written: {error.strerror}",
            file=sys.stderr,
        )
        return 1
    for name in sorted(files):
        print(arguments.out / name)
    print(
        NEXT.format(
            place=arguments.place,
            inner=plan.inner,
            port=plan.inner_port,
            bits=ip_address(plan.inner).max_prefixlen,
        )
    )
    return 0


def plan_of(settings: Settings) -> EdgePlan:
    """The edge that the settings describe."""
    edge = settings.edge
    return EdgePlan(
        bind=edge.bind,
        advertised=edge.advertised_address or edge.bind,
        inner=edge.inner_address or edge.bind,
        tls_port=edge.tls_port,
        cert=edge.cert,
        key=edge.key,
        gateway_ca=edge.gateway_ca_file,
        carrier_ca=edge.carrier_ca_file,
        trunks=tuple(
            EdgeTrunk(each.name, each.signalling, each.media, each.transfer == "bridge")
            for each in settings.trunk
        ),
        gateways=tuple(_gateway(text) for text in edge.gateways),
        media_port_min=edge.media_port_min,
        media_port_max=edge.media_port_max,
        calls_per_second=edge.calls_per_s,
    )


def _gateway(text: str) -> EdgeGateway:
    host, _, port = text.rpartition(":")
    return EdgeGateway(host.strip("[]"), int(port))


def _different(directory: Path, files: dict[str, str]) -> list[str]:
    return [
        name
        for name, text in sorted(files.items())
        if (directory / name).exists() and (directory / name).read_text() != text
    ]


def _write(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in files.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


command = Command(
    "edge-config", "Write the files of Kamailio and rtpengine for an edge", _configure, _run
)
