"""Settings that make the server less safe than it is by default: each is named, announced and shown.

A setting of another kind does not belong here. This file refuses to know what a relaxed setting changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config import is_loopback
from pipeline.settings import Settings
from pipeline.supervisor.fence import ACCEPTED
from pipeline.telemetry.events import Event, Token, emit


class SafetyRelaxed(Event):
    """The server runs with this setting away from its safe value."""

    setting: Token


def relaxed(settings: Settings) -> Iterator[str]:
    """The keys in use."""
    if settings.log.text != "off":
        yield "log.text"
    if settings.recording.mode != "off":
        yield "recording.mode"
    if settings.egress.exposed_without_kernel_guard == ACCEPTED and not is_loopback(
        settings.http.bind
    ):
        yield "egress.exposed_without_kernel_guard"


def announce(settings: Settings) -> tuple[str, ...]:
    """Say each as an event, once at the start. Returns the keys."""
    keys = tuple(relaxed(settings))
    for key in keys:
        emit(
            SafetyRelaxed(setting=Token(key))
        )  # the audit's record of a relaxed start belongs here
    return keys
