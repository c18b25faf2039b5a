"""How long each stage of a turn takes, and what it then answers: read from a file, or nothing at all ("instant").

A file says where its figures come from. Whatever is wrong with it is told at once, all of it. Knows no engine.
"""

from __future__ import annotations

import json
import random
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

INSTANT: Final = "instant"
"""In the place of a file: every stage takes no time."""
STAGE_MS_MAX: Final = 60_000.0
SAMPLES_MAX: Final = 100_000
TEXT_CHARACTERS_MAX: Final = 400
FILE_BYTES_MAX: Final = 4 << 20
HEARD: Final = "Can you say that again please"
"""A sentence that is complete whatever was asked, so that the wait after it is the shortest there is."""
REPLY: Final = "{tag} is the word of this answer. {tag} is said a second time here."
"""`{tag}` is the reply's word (`tags.py`), `{held}` what it tells of the reply before it (`held.py`)."""


class TimesInvalid(ValueError):
    """A file of times cannot be used; `faults` holds every reason."""

    def __init__(self, faults: list[str]) -> None:
        """Keep them all."""
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage's time as a distribution: points of its inverse, from the least to the most."""

    shares: tuple[float, ...] = (0.0,)
    """Rising, 0 to 1."""
    times_ms: tuple[float, ...] = (0.0,)
    """At each of them; never falling."""

    @classmethod
    def of(cls, samples_ms: list[float]) -> Stage:
        """What was measured, each sample as likely as every other."""
        ranked = tuple(sorted(samples_ms))
        last = max(1, len(ranked) - 1)
        return cls(tuple(index / last for index in range(len(ranked))), ranked)

    def at(self, share: float) -> float:
        """The time that this share of turns stays below; linear between points, flat outside them."""
        shares, times = self.shares, self.times_ms
        if share <= shares[0]:
            return times[0]
        if share >= shares[-1]:
            return times[-1]
        right = bisect_left(shares, share)
        left = right - 1
        part = (share - shares[left]) / (shares[right] - shares[left])
        return times[left] + part * (times[right] - times[left])

    def draw(self, chance: random.Random) -> float:
        """One turn's time."""
        return self.at(chance.random())

    @property
    def instant(self) -> bool:
        """It never takes any time."""
        return self.times_ms[-1] == 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """Every stage of a turn that is a model's."""

    source: str = INSTANT
    """Where the figures come from, in words."""
    seed: int = 0
    stt_final_ms: Stage = Stage()
    """From the pause, once words are asked for, to the words."""
    llm_first_token_ms: Stage = Stage()
    """From the words to the first of the reply."""
    llm_token_ms: Stage = Stage()
    """From each token to the next."""
    tts_first_audio_ms: Stage = Stage()
    """From a sentence to its first sound."""
    heard: tuple[str, ...] = (HEARD,)
    """What a call's utterances are understood as, one after another, and then again."""
    reply: str = REPLY
    smart_turn: bool = False
    """Whether the real guess at the end of a turn is made all the same: it takes the processor for tens of
    milliseconds at each pause. The words here never need it."""
    letter_ms: float = 55.0
    """How long the voice takes for each letter: sound, not time that is waited for."""

    @property
    def instant(self) -> bool:
        """No stage ever takes any time."""
        return all(stage.instant for stage in self.stages().values())

    def stages(self) -> dict[str, Stage]:
        """Each by its key in a file."""
        return {name: getattr(self, name) for name in STAGES}

    def chance(self, who: str) -> random.Random:
        """The draws of one engine: the same for the same seed, whatever the others draw."""
        return random.Random(f"{self.seed} {who}")  # noqa: S311  # a simulation's draws, no secret


STAGES: Final = ("stt_final_ms", "llm_first_token_ms", "llm_token_ms", "tts_first_audio_ms")


def load(name: str) -> Times:
    """Read a file, TOML or JSON by its ending, or return "instant"; raises `TimesInvalid`. Blocks."""
    if name == INSTANT:
        return Times()
    path = Path(name)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise TimesInvalid([f"longer than {FILE_BYTES_MAX >> 20} MiB"])
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise TimesInvalid(["the file cannot be read"]) from None
    try:
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError):
        raise TimesInvalid(
            [f"it is no {'JSON' if path.suffix == '.json' else 'TOML'} document"]
        ) from None
    return parse(document)


def parse(document: object) -> Times:
    """Understand a document; raises `TimesInvalid` with every fault."""
    if not isinstance(document, dict):
        raise TimesInvalid(["it is no table of settings"])
    faults = list[str]()
    given: dict[str, Any] = {}
    known = {field.name for field in fields(Times)}
    faults += [f"{key}: there is no such key" for key in document if key not in known]
    for key, value in document.items():
        if key in STAGES:
            given[key] = _stage(key, value, faults)
    given["source"] = _text("source", document.get("source"), faults)
    if given["source"] == INSTANT and any(not given[key].instant for key in STAGES if key in given):
        faults.append(f'source: "{INSTANT}" is what takes no time; say where these times come from')
    if "reply" in document:
        given["reply"] = _reply(document["reply"], faults)
    if "heard" in document:
        given["heard"] = _texts("heard", document["heard"], faults)
    seed = document.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        faults.append("seed: write a whole number")
    given["seed"] = seed
    if "letter_ms" in document:
        given["letter_ms"] = _number("letter_ms", document["letter_ms"], 5.0, 500.0, faults)
    given["smart_turn"] = document.get("smart_turn", False)
    if not isinstance(given["smart_turn"], bool):
        faults.append("smart_turn: write true or false")
    if faults:
        raise TimesInvalid(faults)
    return Times(**given)


def _stage(key: str, value: object, faults: list[str]) -> Stage:
    """A number, a list of measured times, or percentiles: {p50 = 120, p95 = 300}."""
    if isinstance(value, Mapping):
        return _percentiles(key, value, faults)
    samples = value if isinstance(value, list) else [value]
    if not 0 < len(samples) <= SAMPLES_MAX:
        faults.append(f"{key}: write 1 to {SAMPLES_MAX} times")
        return Stage()
    return Stage.of([_number(key, each, 0.0, STAGE_MS_MAX, faults) for each in samples])


def _percentiles(key: str, value: Mapping[Any, Any], faults: list[str]) -> Stage:
    points = list[tuple[float, float]]()
    for name, time_ms in value.items():
        share = _share(name)
        if share is None:
            faults.append(f"{key}.{name}: write percentiles as p0 to p100, e.g. p99.9")
            continue
        points.append((share, _number(f"{key}.{name}", time_ms, 0.0, STAGE_MS_MAX, faults)))
    points.sort()
    times = [time_ms for _, time_ms in points]
    if not points:
        faults.append(f"{key}: write at least one percentile")
        return Stage()
    if times != sorted(times):
        faults.append(f"{key}: a higher percentile has a shorter time")
    if len({share for share, _ in points}) < len(points):
        faults.append(f"{key}: a percentile is there twice")
    return Stage(tuple(share for share, _ in points), tuple(times))


def _share(name: object) -> float | None:
    try:
        share = float(str(name).removeprefix("p")) / 100.0
    except ValueError:
        return None
    return share if str(name).startswith("p") and 0.0 <= share <= 1.0 else None


def _number(key: str, value: object, low: float, high: float, faults: list[str]) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not good or not isinstance(value, int | float):
        faults.append(f"{key}: write milliseconds from {low:g} to {high:g}")
        return 0.0
    return float(value)


def _text(key: str, value: object, faults: list[str]) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= TEXT_CHARACTERS_MAX:
        faults.append(f"{key}: write a text of 1 to {TEXT_CHARACTERS_MAX} characters")
        return ""
    return value.strip()


def _reply(value: object, faults: list[str]) -> str:
    text = _text("reply", value, faults)
    try:
        tagged = text.format(tag="", held="") != text.format(tag="x", held="")
    except (LookupError, ValueError):
        tagged = False
    if text and not tagged:
        faults.append('reply: write {tag} into each sentence, e.g. "{tag} is the answer."')
    return text


def _texts(key: str, value: object, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        faults.append(f"{key}: write a list of texts")
        return ()
    return tuple([_text(key, each, faults) for each in value])
