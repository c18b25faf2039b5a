"""From what was read of a machine to pass, fail or unknown, each with what to do. A calculation: opens nothing.

What could not be seen is unknown and never passes. Row C10 is the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from pipeline.machine.facts import Block, Kept, Machine
from pipeline.machine.finding import Finding

LISTS_AGE_DAYS_MAX = 7.0
"""Older lists of packages say nothing of this week's holes."""
CLOCK_YEAR_MIN = 2025
"""A clock before this was never set: tokens and certificates would be judged wrongly."""
NAMED_MAX = 4
"""So many faults are named in a line."""

_CRYPTS = ("CRYPT-LUKS", "CRYPT-PLAIN", "CRYPT-TCRYPT", "CRYPT-BITLK", "CRYPT-FVAULT2")
"""dm-verity and dm-integrity have CRYPT- in their uuid too, and encrypt nothing."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_SEALED_FILESYSTEMS = frozenset({"ecryptfs", "fuse.gocryptfs", "fuse.cryfs", "fuse.encfs"})
_DISCARDS = frozenset({"", "|/bin/false", "|/usr/bin/false", "|/bin/true", "|/usr/bin/true"})
_WATCHERS = frozenset(
    {"auditd", "ossec-agentd", "wazuh-agentd", "wazuh-syscheckd", "falco", "suricata", "snort", "samhain", "aide", "tripwire"}
)  # fmt: skip
_DEPTH_MAX = 16
_ENCRYPT = "put the folder on a LUKS volume (cryptsetup luksFormat)"


def judge(machine: Machine) -> Iterator[Finding]:
    """Everything, in the order of row C10."""
    yield _disk(machine)
    yield _key(machine)
    yield _swap(machine)
    yield _cores(machine)
    yield _permissions(machine)
    yield _firewall(machine)
    yield _patches(machine)
    yield _clock(machine)
    yield _watched(machine)
    yield _apart(machine)


def is_sealed(device: str, blocks: Mapping[str, Block], depth: int = 0) -> bool | None:
    """Whether everything below this device goes through dm-crypt; None: it cannot be seen."""
    block = blocks.get(device)
    if block is None or depth > _DEPTH_MAX:
        return None
    if block.dm_uuid.startswith(_CRYPTS) or block.name.startswith("zram"):
        return True
    if not block.under:
        return False
    below = [is_sealed(each, blocks, depth + 1) for each in block.under]
    if False in below:
        return False
    return None if None in below else True


def _disk(machine: Machine) -> Finding:
    name = "disk encryption"
    plain: list[str] = []
    unseen: list[str] = []
    for volume in machine.volumes:
        if volume.filesystem in _IN_MEMORY | _SEALED_FILESYSTEMS:
            continue
        sealed = is_sealed(volume.device, machine.blocks)
        if sealed is not True:
            (unseen if sealed is None else plain).append(f"{volume.what} ({volume.filesystem})")
    if plain:
        return Finding(
            name,
            "fail",
            f"not encrypted as far as this machine sees: {_some(plain)}; {_ENCRYPT}."
            " What a host or a disk encrypts beneath is not seen here: have that in writing",
        )
    if machine.remote_data:
        unseen.append("store.url (the database server's own disks)")
    if unseen:
        return Finding(
            name,
            "unknown",
            f"cannot be seen from here: {_some(unseen)}; look on that host, or {_ENCRYPT}",
        )
    return Finding(name, "pass", "everything kept lies on encrypted volumes or in memory")


def _key(machine: Machine) -> Finding:
    name, key = "key apart from data", machine.key
    apart = (
        'name another file system with store.key_file, or use store.key = "credential" (systemd-creds);'
        " whoever takes this disk has both"
    )
    match key.kind:
        case "environment":
            return Finding(
                name, "fail", f"the key is in the environment: other programs see it; {apart}"
            )
        case "command":
            return Finding(
                name,
                "unknown",
                "the key comes from store.key_command: make sure by hand that it does not read it from this disk",
            )
    if key.key_device is None:
        return Finding(name, "unknown", "there is no key yet; start the server once")
    if key.url and not key.url_is_here:
        return Finding(name, "pass", "the data is on another machine")
    if key.url:
        return Finding(
            name,
            "unknown",
            "the database server is on this machine and its disk is not seen; make sure it is not the key's",
        )
    if key.data_device is None:
        return Finding(name, "unknown", "there is no data yet; start the server once")
    if key.key_device == key.data_device:
        return Finding(name, "fail", f"key and data are on the same file system; {apart}")
    return Finding(name, "pass", "they are on different file systems")


def _swap(machine: Machine) -> Finding:
    name = "swap"
    if machine.swaps is None:
        return Finding(name, "unknown", "/proc/swaps cannot be read; run swapon --show by hand")
    if not machine.swaps:
        return Finding(name, "pass", "none")
    sealed = {swap.name: is_sealed(swap.device, machine.blocks) for swap in machine.swaps}
    plain = [swap for swap, result in sealed.items() if result is False]
    if plain:
        return Finding(
            name,
            "fail",
            f"not encrypted: {_some(plain)}; memory with callers' words may be written there. Run swapoff and remove it"
            " from /etc/fstab, or encrypt it in /etc/crypttab",
        )
    if None in sealed.values():
        return Finding(
            name, "unknown", "what is below it cannot be seen; run lsblk by hand, or swapoff"
        )
    return Finding(name, "pass", "encrypted, or in memory")


def _cores(machine: Machine) -> Finding:
    name, cores = "core dumps", machine.cores
    if cores.limit != 0 or cores.dumpable != 0:
        return Finding(
            name, "fail", "this kernel does not let the server switch them off; use another kernel"
        )
    if not cores.neighbours:
        return Finding(name, "pass", "off in each process of the server")
    if cores.pattern is None:
        return Finding(
            name, "unknown", "kernel.core_pattern cannot be read; run sysctl kernel.core_pattern"
        )
    if cores.pattern.strip() in _DISCARDS:
        return Finding(name, "pass", "off in the server, and the kernel throws others' away")
    return Finding(
        name,
        "fail",
        f"off in the server, but {_some(list(cores.neighbours))} holds the same words and may be dumped;"
        " run: sysctl -w kernel.core_pattern='|/bin/false' (and keep it in /etc/sysctl.d)",
    )


def _permissions(machine: Machine) -> Finding:
    name = "permissions"
    wrong = [fault for kept in machine.kept if (fault := _fault(kept, machine.uid))]
    if wrong:
        return Finding(name, "fail", "; ".join(islice(wrong, NAMED_MAX)))
    if machine.unseen:
        return Finding(
            name,
            "unknown",
            f"this user may not look at {_some(list(machine.unseen))}; run doctor as the server's user",
        )
    return Finding(
        name, "pass", "settings, state, keys and certificates are the server's user's alone"
    )


def _fault(kept: Kept, uid: int) -> str:
    where = f"{kept.what} {kept.path}"
    if kept.uid not in {uid, 0}:
        return f"{where} belongs to another user: run chown"
    if kept.private and kept.mode & 0o077:
        return f"{where} may be used by others (mode {kept.mode & 0o777:04o}): run chmod go= on it"
    if kept.mode & 0o002 and not kept.mode & 0o1000:
        return f"{where} may be changed by everybody (mode {kept.mode & 0o777:04o}): run chmod o-w on it"
    if kept.mode & 0o020 and not kept.mode & 0o1000:
        return f"{where} may be changed by its group (mode {kept.mode & 0o777:04o}): run chmod g-w on it"
    return ""


def _firewall(machine: Machine) -> Finding:
    name, found = "firewall", machine.firewall
    if found is None:
        return Finding(
            name,
            "unknown",
            "its rules cannot be read by this user; run: sudo nft list ruleset",
        )
    if found.filters_input:
        return Finding(name, "pass", f"nftables filters what comes in ({found.rules} rules)")
    if found.legacy:
        return Finding(
            name, "unknown", "rules of the older iptables are in use; run: sudo iptables-legacy -S"
        )
    return Finding(
        name,
        "fail",
        f"nothing that comes in is refused ({found.rules} rules of nftables); let in http.port and the media ports"
        " alone, and load the rules of `wardline egress-rules` for what goes out",
    )


def _patches(machine: Machine) -> Finding:
    name, found = "security patches", machine.patches
    if found is None or (found.pending is None and not found.restart_wanted):
        return Finding(
            name, "unknown", "apt does not say; look with the system's own package manager"
        )
    later = "" if found.automatic else "; apt-get install unattended-upgrades keeps it so"
    if found.restart_wanted:
        return Finding(name, "fail", "an installed update waits for a restart: restart the machine")
    if found.pending:
        return Finding(
            name,
            "fail",
            f"{found.pending} security update{'s' * (found.pending != 1)} not installed: run apt-get upgrade{later}",
        )
    if found.lists_age_days is None or found.lists_age_days > LISTS_AGE_DAYS_MAX:
        age = (
            ""
            if found.lists_age_days is None
            else f", they are {found.lists_age_days:.0f} days old"
        )
        return Finding(
            name,
            "unknown",
            f"no update is known, but the lists are too old to tell{age}: run apt-get update{later}",
        )
    return Finding(name, "pass", f"none is known that is not installed{later}")


def _clock(machine: Machine) -> Finding:
    name, clock = "clock", machine.clock
    set_it = "run: timedatectl set-ntp true (or install chrony)"
    if clock.year < CLOCK_YEAR_MIN:
        return Finding(name, "fail", f"it says {clock.year}: {set_it}")
    if clock.synchronised is None:
        return Finding(
            name, "unknown", f"the kernel does not say whether it is synchronised; {set_it}"
        )
    if not clock.synchronised:
        return Finding(
            name, "fail", f"not synchronised: the audit's times would prove nothing; {set_it}"
        )
    return Finding(name, "pass", f"synchronised, at most {clock.error_ms:.0f} ms off")


def _watched(machine: Machine) -> Finding:
    name = "intrusion detection"
    found = sorted(machine.programs & _WATCHERS)
    if found:
        return Finding(name, "pass", f"{', '.join(found)} runs here")
    return Finding(
        name,
        "unknown",
        "none that is known here (auditd, AIDE, Wazuh, Falco ...) runs; install one, or say in your risk analysis"
        " what watches this machine from outside",
    )


def _apart(machine: Machine) -> Finding:
    name = "segmentation"
    if machine.loopback_only:
        return Finding(name, "pass", "only this machine reaches the server (http.bind)")
    return Finding(
        name,
        "unknown",
        "which networks reach http.bind is not seen from here: give the server a network of its own, behind a firewall"
        " that lets callers' networks in and nothing out",
    )


def _some(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
