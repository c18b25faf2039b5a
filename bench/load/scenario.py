"""What callers do, as data: a TOML file of `bench/scenarios`, all of its faults told at once. Calculations only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.errors import ScenarioInvalid
from bench.load import pauses
from bench.load.pauses import Saying
from models.timed.times import INSTANT, STAGES, Times, TimesInvalid, parse

FILE_BYTES_MAX = 1 << 20
Band = Literal["wide", "telephone"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to packets; each direction alike."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Added to each packet, evenly between 0 and this; on a WebSocket the order is kept."""
    loss: float = 0.0
    """Share of packets that never arrive; there is none on a WebSocket."""
    burst: float = 1.0
    """How many packets are lost in a row, on average; 1: each by itself."""

    @property
    def calm(self) -> bool:
        """Nothing is done to any packet."""
        return not (self.delay_ms or self.jitter_ms or self.loss)


@dataclass(frozen=True, slots=True)
class Echo:
    """What the caller hears comes back into the microphone."""

    level_db: float = 0.0
    """Of the echo against what was heard; 0: there is none."""
    delay_ms: float = 120.0


CALM, NO_ECHO = Weather(), Echo()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of caller. Times are fixed before the call begins: no caller waits for the server."""

    name: str
    what: str
    seed: int = 1
    turns: int = 6
    first_ms: float = 3_600.0
    """From the start of the call to the first word: the greeting of timed engines lasts 2.6 s."""
    think_ms: tuple[float, float] = (5_000.0, 6_500.0)
    """From the end of what is said to the next word; a range to draw from. The reply lies in it."""
    interrupted: float = 0.0
    """Share of replies that the next words cut off."""
    cut_after_ms: tuple[float, float] = (700.0, 1_900.0)
    """From the end of what was said to the words that interrupt the reply; replies begin within 400 ms."""
    coughs: float = 0.0
    """Share of replies that are coughed into."""
    tail_ms: float = 6_000.0
    """After the last word, for its reply."""
    band: Band = "wide"
    echo: Echo = Echo()
    weather: Weather = Weather()
    stagger_ms: float = 173.0
    """From one call's start to the next: no multiple of a frame, so that calls spread over the grid."""
    engines: Times = field(default_factory=Times)
    """For servers that the bench starts."""
    says: tuple[Saying, ...] = ()
    """What is said, turn after turn, in place of sentences drawn; only engines that understand words make sense of it."""
    pause_ms: tuple[float, float] = (300.0, 1_200.0)
    """How long the pauses inside it are; a range to draw from."""


def shipped(name: str) -> Scenario:
    """A scenario of the package by its name, or a file by its path; raises ScenarioInvalid."""
    folder = files("bench") / "scenarios"
    names = sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )
    if name in names:
        return read(name, (folder / f"{name}.toml").read_text("utf-8"))
    path = Path(name)
    if not name.endswith(".toml"):
        raise ScenarioInvalid(f"there is no scenario {name!r}; there are: {', '.join(names)}")
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ScenarioInvalid(f"{name}: longer than {FILE_BYTES_MAX >> 20} MiB")
        return read(path.stem, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ScenarioInvalid(f"{name} cannot be read") from None


def read(name: str, text: str) -> Scenario:
    """Understand a file; raises ScenarioInvalid with every fault in one sentence."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioInvalid(f"scenario {name}: {error}") from None
    reader = _Reader(document)
    scenario = reader.scenario(name)
    if reader.faults:
        raise ScenarioInvalid(f"scenario {name}: " + "; ".join(reader.faults))
    return scenario


class _Reader:
    """Takes a document apart; what is wrong is noted, and a default put in its place."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.faults: list[str] = []
        self._document = document

    def scenario(self, name: str) -> Scenario:
        d = self._document
        self._known("", d, {each.name for each in fields(Scenario)} - {"name"})
        what = d.get("what")
        if not isinstance(what, str) or not what.strip():
            self.faults.append("what: say in a sentence what this scenario is")
            what = ""
        scenario = Scenario(
            name,
            what,
            seed=int(self._number("seed", d, 1, 0, 2**31)),
            turns=int(self._number("turns", d, 6, 1, 10_000)),
            first_ms=self._number("first_ms", d, 3_600.0, 0, 60_000),
            think_ms=self._range("think_ms", d, (5_000.0, 6_500.0)),
            interrupted=self._number("interrupted", d, 0.0, 0, 1),
            cut_after_ms=self._range("cut_after_ms", d, (700.0, 1_900.0)),
            coughs=self._number("coughs", d, 0.0, 0, 1),
            tail_ms=self._number("tail_ms", d, 6_000.0, 0, 60_000),
            band=self._band(d),
            echo=self._echo(d),
            weather=self._weather(d),
            stagger_ms=self._number("stagger_ms", d, 173.0, 0, 60_000),
            engines=self._engines(d),
            says=pauses.read(d.get("says", []), self.faults),
            pause_ms=self._range("pause_ms", d, (300.0, 1_200.0)),
        )
        if scenario.interrupted + scenario.coughs > 1.0:
            self.faults.append("interrupted and coughs: more than every reply together")
        if scenario.says and scenario.pause_ms[0] < 2 * pauses.EDGE_MS:
            self.faults.append(
                f"pause_ms: write at least {2 * pauses.EDGE_MS:g}: what fades away at both sides of a pause lies in it"
            )
        return scenario

    def _band(self, d: Mapping[str, Any]) -> Band:
        band = d.get("band", "wide")
        if band == "wide" or band == "telephone":
            return "telephone" if band == "telephone" else "wide"
        self.faults.append('band: write "wide" or "telephone"')
        return "wide"

    def _echo(self, d: Mapping[str, Any]) -> Echo:
        table = self._table("echo", d, {"level_db", "delay_ms"})
        return Echo(
            self._number("echo.level_db", table, 0.0, -80, 0),
            self._number("echo.delay_ms", table, 120.0, 20, 2_000),
        )

    def _weather(self, d: Mapping[str, Any]) -> Weather:
        table = self._table("weather", d, {each.name for each in fields(Weather)})
        return Weather(
            self._number("weather.delay_ms", table, 0.0, 0, 5_000),
            self._number("weather.jitter_ms", table, 0.0, 0, 5_000),
            self._number("weather.loss", table, 0.0, 0, 0.9),
            self._number("weather.burst", table, 1.0, 1, 50),
        )

    def _engines(self, d: Mapping[str, Any]) -> Times:
        """Where a stage takes time, whoever reads a figure must learn where the time comes from."""
        table = d.get("engines", {})
        if not isinstance(table, dict):
            self.faults.append("engines: write a table")
            return Times()
        timed = any(key in table for key in STAGES)
        try:
            return parse(table if timed else {"source": INSTANT, **table})
        except TimesInvalid as error:
            self.faults += [f"engines.{fault}" for fault in error.faults]
            return Times()

    def _table(self, key: str, d: Mapping[str, Any], known: set[str]) -> Mapping[str, Any]:
        table = d.get(key, {})
        if not isinstance(table, dict):
            self.faults.append(f"{key}: write a table")
            return {}
        self._known(f"{key}.", table, known)
        return table

    def _known(self, before: str, table: Mapping[str, Any], known: set[str]) -> None:
        self.faults += [f"{before}{key}: there is no such key" for key in table if key not in known]

    def _number(
        self, key: str, table: Mapping[str, Any], default: float, low: float, high: float
    ) -> float:
        value = table.get(key.rpartition(".")[2], default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            self.faults.append(f"{key}: write a number from {low:g} to {high:g}")
            return default
        return value

    def _range(
        self, key: str, table: Mapping[str, Any], default: tuple[float, float]
    ) -> tuple[float, float]:
        value = table.get(key, list(default))
        if not isinstance(value, list) or len(value) != 2:
            self.faults.append(f"{key}: write the least and the most, e.g. [700, 1900]")
            return default
        low, high = (self._number(key, {key: each}, 0.0, 0, 60_000) for each in value)
        if low > high:
            self.faults.append(f"{key}: the least comes first")
        return (float(low), float(high))
