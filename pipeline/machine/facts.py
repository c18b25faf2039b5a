"""What was read of a machine: plain values, and None where this user could not see. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """One block device as /sys shows it."""

    name: str
    dm_uuid: str = ""
    """Of a device-mapper device; dm-crypt's begins with CRYPT-."""
    under: tuple[str, ...] = ()
    """What it lies on, as MAJOR:MINOR."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The file system that holds something of ours."""

    what: str
    """The setting that put it there."""
    device: str
    """MAJOR:MINOR of the block device; "" when there is none that is known."""
    filesystem: str
    """Its type, as mountinfo says; "" when it could not be found."""


@dataclass(frozen=True, slots=True)
class Swap:
    """One place that memory may be written to."""

    name: str
    device: str
    """Of the partition, or of the file system the swap file is on."""


@dataclass(frozen=True, slots=True)
class Cores:
    """What becomes of a process's memory when it crashes."""

    limit: int
    """RLIMIT_CORE of a process that switched dumps off as the server's do."""
    dumpable: int
    """PR_GET_DUMPABLE of the same process."""
    pattern: str | None
    """kernel.core_pattern."""
    neighbours: tuple[str, ...]
    """Programs on this machine that hear or keep the same words and are not ours to switch."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """What nftables holds."""

    rules: int
    filters_input: bool
    """A chain on `input` drops or refuses something."""
    legacy: bool
    """Rules of the older iptables, which nft does not list, are in use."""


@dataclass(frozen=True, slots=True)
class Patches:
    """What the package manager knows without asking the network."""

    pending: int | None
    """Security updates that are known and not installed; None: it did not say."""
    lists_age_days: float | None
    restart_wanted: bool
    automatic: bool


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the kernel says of its clock (adjtimex)."""

    year: int
    synchronised: bool | None
    error_ms: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A file or folder and who may touch it."""

    what: str
    path: str
    mode: int
    """Permission bits, the sticky bit included."""
    uid: int
    private: bool
    """Nobody else may even read it."""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where the install key and the data are."""

    kind: str
    """As `store.key`."""
    key_device: int | None
    """`st_dev`; None: not in a file that is there."""
    data_device: int | None
    url: bool
    url_is_here: bool
    """The database server is on this machine."""


@dataclass(frozen=True, slots=True)
class Machine:
    """All of it; None: this user could not see."""

    volumes: tuple[Volume, ...]
    blocks: Mapping[str, Block]
    remote_data: bool
    """Requests lie in a database server, whose disks are not seen from here."""
    swaps: tuple[Swap, ...] | None
    cores: Cores
    firewall: Firewall | None
    patches: Patches | None
    clock: ClockState
    kept: tuple[Kept, ...]
    unseen: tuple[str, ...]
    """Settings whose file or folder this user may not look at."""
    uid: int
    """Of the user who looked; the server's own, as it should be."""
    key: KeyPlace
    programs: frozenset[str]
    """Names of running programs."""
    loopback_only: bool
