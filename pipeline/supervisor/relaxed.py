"""Every setting that makes the server less safe than it is by default, in one list.

What stands here is announced at the start, is on record in the audit, and is shown by `/healthz` and `check-config`.
A setting of another kind does not belong here. This file refuses to know how a relaxed setting is carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network

from pipeline.config import exposed_by
from pipeline.egress.places import is_wide
from pipeline.settings import Settings
from pipeline.supervisor.fence import ACCEPTED
from pipeline.telemetry import measured
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telephone_settings import Trunk


class SafetyRelaxed(Event):
    """The server runs with this setting away from its safe value."""

    setting: Token


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One such setting."""

    key: str
    in_use: Callable[[Settings], bool]
    means: Callable[[], str]
    """What it costs, and what to write to be safe again."""


def may_be_overheard(trunk: Trunk) -> bool:
    """Whether sound may go unprotected between it and this machine."""
    far = any(not ip_network(text).is_loopback for text in trunk.media)
    return far and trunk.srtp == "optional"


RELAXATIONS = (
    Relaxation(
        "log.text",
        lambda s: s.log.text != "off",
        lambda: (
            "LOG TEXT IS ON: sentences of libraries are written after the redactor, and"
            f' {measured.sentence()}. Write log.text = "off" to log none'
        ),
    ),
    Relaxation(
        "egress.exposed_without_kernel_guard",
        lambda s: s.egress.exposed_without_kernel_guard == ACCEPTED and bool(exposed_by(s)),
        lambda: (
            "others reach the server even where nothing in the kernel holds back what leaves it."
            ' Load the rules of `wardline egress-rules` and write "refuse"'
        ),
    ),
    Relaxation(
        "media.allowed_networks",
        lambda s: any(is_wide(ip_network(text)) for text in s.media.allowed_networks),
        lambda: (
            "callers are taken from anywhere, and sound is sent wherever one of them says."
            " List the networks your callers are in"
        ),
    ),
    Relaxation(
        "store.key",
        lambda s: s.store.key == "environment",
        lambda: (
            "the install key lies in the environment, where other programs of this user see it."
            ' Write store.key = "file" or "credential"'
        ),
    ),
    Relaxation(
        "trunk.srtp",
        lambda s: any(may_be_overheard(each) for each in s.trunk),
        lambda: (
            "a trunk may send sound that anybody on the way can hear, and what we offer it is never protected."
            ' Have it use SRTP and write srtp = "required"'
        ),
    ),
    Relaxation(
        "engines.timed",
        lambda s: bool(s.engines.timed),
        lambda: (
            "NOBODY IS UNDERSTOOD: engines without models answer every caller with the same tones, for measuring"
            ' alone. Write engines.timed = "" and leave out --timed-engines'
        ),
    ),
    Relaxation(
        "recording.mode",
        lambda s: s.recording.mode != "off",
        lambda: (
            "RECORDING IS ON: callers who agree are kept as sound, sealed, for the days of recording.days."
            ' Write recording.mode = "off" to keep none'
        ),
    ),
)
"""The only list."""


def relaxed(settings: Settings) -> tuple[Relaxation, ...]:
    """Those in use."""
    return tuple(each for each in RELAXATIONS if each.in_use(settings))


def announce(settings: Settings) -> tuple[str, ...]:
    """Say each as an event, once at the start. Returns the keys."""
    keys = tuple(each.key for each in relaxed(settings))
    for key in keys:
        emit(SafetyRelaxed(setting=Token(key)))
    return keys


def banner(settings: Settings) -> list[str]:
    """A line for each, for whoever starts the server or looks at its settings."""
    return [f"RELAXED {each.key}: {each.means()}." for each in relaxed(settings)]
