"""Finds a call flow, reads it and reports every fault at once; it must name the practice that the settings name.

Knows nothing about conversation; `flow_reading.py` says what each part must be. The package ships `flows/clinic.toml`.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Protocol

from pipeline.call.flow import Flow, Practice
from pipeline.call.flow_reading import FlowReading, Table
from pipeline.call.flow_trial import unheard
from pipeline.errors import ConfigError, toml_fault

__all__ = ["Flow", "PracticeFacts", "flow_text", "load_flow", "own_copy", "parse_flow", "read_flow"]

_PRACTICE = re.compile(r"^\[practice\]\n(?:\w+ = .*\n)+", re.MULTILINE)


class PracticeFacts(Protocol):
    """Who answers, as the server's settings have it; a flow file of the practice's own must say the same."""

    @property
    def name(self) -> str:
        """As it is spoken."""

    @property
    def phone(self) -> str:
        """Said and shown when a person is needed."""

    @property
    def emergency_number(self) -> str:
        """Said, never dialled."""

    @property
    def flow_file(self) -> str:
        """Path of the call flow; empty: the one shipped with the package."""


def load_flow(practice: PracticeFacts | None = None) -> Flow:
    """Load the practice's flow, or the shipped one; raises ConfigError naming every fault.

    The shipped flow takes its practice from the settings. A flow file that names another practice than
    the settings is refused: an urgent caller must hear the number that the page shows.
    """
    if practice is None:
        return read_flow(None)
    own = Practice(practice.name, practice.phone, practice.emergency_number)
    if not practice.flow_file:
        return replace(read_flow(None), practice=own)
    reading = FlowReading()
    flow = reading.flow(_table(Path(practice.flow_file).expanduser()))
    faults = reading.faults + _other_practice(reading.own, own)
    if flow is not None:
        faults += unheard(flow)
    if faults or flow is None:
        raise ConfigError(faults)
    return flow


def _other_practice(flow: Practice, own: Practice) -> list[str]:
    """What the flow file says of the practice, and the settings otherwise; what it does not say well is left out."""
    return [
        f"practice.{key}: the flow file says otherwise; write the same in the settings (the page"
        " shows theirs) and in the flow file (callers hear its)"
        for key, one, other in (
            ("name", flow.name, own.name),
            ("phone", _only_digits(flow.phone), _only_digits(own.phone)),
            ("emergency_number", flow.emergency_number, own.emergency_number),
        )
        if one and one != other
    ]


def _only_digits(phone: str) -> str:
    return re.sub(r"[^0-9]", "", phone)


def read_flow(path: Path | None) -> Flow:
    """Read one file, the shipped one without a path."""
    return parse_flow(_table(path))


def _table(path: Path | None) -> Table:
    text = flow_text(path)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = "nested too deeply"
        if isinstance(error, tomllib.TOMLDecodeError):
            where = toml_fault(error)
        raise ConfigError([f"{_shown(path)}: is not TOML: {where}"]) from None


def flow_text(path: Path | None) -> str:
    """The text of one file, the shipped one without a path."""
    try:
        if path is None:
            return resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(
            [
                f"{_shown(path)}: cannot be read ({error.strerror});"
                " write the path of a call flow file"
            ]
        ) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{_shown(path)}: is not TOML: not UTF-8 text"]) from None


def own_copy(practice: PracticeFacts) -> str:
    """The shipped flow with its comments, and this practice in it: where a flow of one's own begins."""
    facts = {
        "name": practice.name,
        "phone": practice.phone,
        "emergency_number": practice.emergency_number,
    }
    lines = "".join(
        f"{key} = {json.dumps(text, ensure_ascii=False)}\n" for key, text in facts.items()
    )
    return _PRACTICE.sub(lambda _: f"[practice]\n{lines}", flow_text(None), count=1)


def _shown(path: Path | None) -> str:
    return "the shipped flow" if path is None else str(path)


def parse_flow(table: Table) -> Flow:
    """Validate a parsed file."""
    reading = FlowReading()
    flow = reading.flow(table)
    if reading.faults or flow is None:
        raise ConfigError(reading.faults)
    return flow
