"""Reads what the kernel and the system's programs print. A calculation: text in, facts out; odd text gives None.

Formats: proc(5) for mountinfo and swaps, libnftables-json(5), apt-get(8) with --simulate, apt-config(8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.machine.facts import Firewall

_OCTAL = re.compile(r"\\([0-7]{3})")
_REFUSING = ("drop", "reject")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    device: str
    point: str
    filesystem: str
    source: str


def mounts(text: str) -> list[Mount]:
    """Every mount, in order; a line that is none is left out."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if "-" not in fields[6:]:
            continue
        behind = fields.index("-", 6)
        if len(fields) > behind + 2:
            source = _plain(fields[behind + 2])
            found.append(Mount(fields[2], _plain(fields[4]), fields[behind + 1], source))
    return found


def mount_of(path: str, known: list[Mount]) -> Mount | None:
    """The mount a whole path lies on: the longest point, and of equal ones the last, which hides the others."""
    best: Mount | None = None
    for mount in known:
        inside = mount.point == "/" or path == mount.point or path.startswith(mount.point + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def swaps(text: str) -> list[tuple[str, str]]:
    """Path and type ("partition" or "file") of each."""
    lines = [line.split() for line in text.splitlines()[1:]]
    return [(_plain(fields[0]), fields[1]) for fields in lines if len(fields) >= 2]


def firewall(text: str, *, legacy: bool) -> Firewall | None:
    """What `nft -j list ruleset` printed."""
    try:
        items = json.loads(text)["nftables"]
        chains = [item["chain"] for item in items if "chain" in item]
        rules = [item["rule"] for item in items if "rule" in item]
        incoming = [chain for chain in chains if chain.get("hook") == "input"]
        tables = {_table(chain) for chain in incoming}
        filters = any(chain.get("policy") == "drop" for chain in incoming) or any(
            _table(rule) in tables and _refuses(rule.get("expr", ())) for rule in rules
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Firewall(len(rules), filters, legacy)


def _table(item: dict[str, Any]) -> tuple[str, str]:
    return str(item["family"]), str(item["table"])


def _refuses(expressions: list[dict[str, Any]]) -> bool:
    return any(verdict in expression for expression in expressions for verdict in _REFUSING)


def security_updates(text: str) -> int:
    """How many packages `apt-get --simulate upgrade` would install from a security archive."""
    lines = [line for line in text.splitlines() if line.startswith("Inst ")]
    return sum("security" in line.lower() for line in lines)


def updates_itself(text: str) -> bool:
    """Whether apt's settings install security updates without being asked."""
    return any(
        line.startswith("APT::Periodic::Unattended-Upgrade ")
        and '"0"' not in line
        and '""' not in line
        for line in text.splitlines()
    )


def parents(path: str) -> Iterator[str]:
    """Every folder above a whole path, the nearest first."""
    while (above := path.rpartition("/")[0]) != "":
        yield above
        path = above
    yield "/"


def _plain(field: str) -> str:
    """Undo the octal escapes of spaces and the like."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), field)
