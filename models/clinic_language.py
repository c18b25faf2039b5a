"""What callers of a practice are likely to say, as templates that expand to a training corpus.

`ClinicLanguage` is the data a recogniser is given; `clinic_language` fills it for an ordinary
practice from the reasons, phrases and words that its call flow lists, so an operator who adds a
reason is understood without code. This file knows sentences; it does not know what a call does
with them.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from models import clinic_words
from models.clinic_templates import GROUPS, WORDS, urgent_sentences
from models.lexicon import words_of

_SLOT = re.compile(r"\{(\w+)\}")
_MAX_DEPTH = 8
_MAX_WORDS = 60


@dataclass(frozen=True, slots=True)
class SentenceGroup:
    """Templates of one kind of answer and how much of the corpus they make."""

    name: str
    share: float
    templates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClinicLanguage:
    """The practice's half of the language model, as data."""

    groups: tuple[SentenceGroup, ...]
    words: Mapping[str, tuple[str, ...]]
    """What `{slot}` in a template stands for; a value may hold slots itself."""
    urgent: tuple[str, ...] = ()
    """Whole sentences that must never be missed; each enters the corpus as it is."""
    pronunciations: Mapping[str, str] = field(default_factory=dict)
    """ARPAbet phones of words that the dictionary may lack; `|` parts one reading from the next."""
    held_out: tuple[str, ...] = ()
    """Sentences kept out of the corpus because recognition is measured on them."""
    samples: int = 24_000
    """Sentences drawn from the groups."""

    def __post_init__(self) -> None:
        """Refuse a template whose slot nobody fills, naming all of them at once."""
        texts = [*self.templates(), *(text for values in self.words.values() for text in values)]
        missing = sorted({slot for text in texts for slot in _SLOT.findall(text)} - {*self.words})
        empty = sorted(slot for slot, values in self.words.items() if not values)
        if missing or empty:
            raise ValueError(f"clinic language: slots without words: {[*missing, *empty]}")

    def templates(self) -> Iterator[str]:
        """Every template of every group."""
        return (template for group in self.groups for template in group.templates)

    def texts(self) -> Iterator[str]:
        """Every text as it was written, for what its spelling tells."""
        yield from self.templates()
        yield from self.urgent
        for values in self.words.values():
            yield from values

    def to_json(self) -> str:
        """A canonical form: equal content gives equal text."""
        content = {
            "groups": [[group.name, group.share, list(group.templates)] for group in self.groups],
            "words": {slot: list(values) for slot, values in self.words.items()},
            "urgent": list(self.urgent),
            "pronunciations": dict(self.pronunciations),
            "held_out": list(self.held_out),
            "samples": self.samples,
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ClinicLanguage:
        """The inverse of `to_json`."""
        content = json.loads(text)
        return cls(
            groups=tuple(
                SentenceGroup(name, share, tuple(templates))
                for name, share, templates in content["groups"]
            ),
            words={slot: tuple(values) for slot, values in content["words"].items()},
            urgent=tuple(content["urgent"]),
            pronunciations=content["pronunciations"],
            held_out=tuple(content["held_out"]),
            samples=content["samples"],
        )


def corpus(language: ClinicLanguage) -> list[str]:
    """The sentences to count: the same for the same language, none of the held-out ones."""
    held_out = {" ".join(words_of(sentence)) for sentence in language.held_out}
    drawn = _Drawing(language.words)
    total = sum(group.share for group in language.groups) or 1.0
    sentences = list(language.urgent)
    for group in language.groups:
        sentences += [
            drawn.expand(group.templates[index % len(group.templates)])
            for index in range(round(language.samples * group.share / total))
        ]
    return [
        " ".join(words)
        for words in map(words_of, sentences)
        if words and len(words) <= _MAX_WORDS and " ".join(words) not in held_out
    ]


class _Drawing:
    """Fills slots from shuffled decks, so that every value comes up before one comes up twice."""

    def __init__(self, words: Mapping[str, tuple[str, ...]]) -> None:
        self._words = words
        self._decks: dict[str, list[str]] = {}
        self._random = random.Random(20)  # noqa: S311  # a fixed corpus, not a secret

    def expand(self, template: str, depth: int = 0) -> str:
        """The template with every slot filled; slots nested too deep vanish."""
        if depth > _MAX_DEPTH:
            return ""
        return _SLOT.sub(lambda slot: self.expand(self._draw(slot[1]), depth + 1), template)

    def _draw(self, slot: str) -> str:
        deck = self._decks.setdefault(slot, [])
        if not deck:
            deck.extend(self._words[slot])
            self._random.shuffle(deck)
        return deck.pop()


def clinic_language(
    reasons: Iterable[str],
    urgent_phrases: Iterable[str] = (),
    practice_words: Iterable[str] = (),
    *,
    first_names: Iterable[str] = clinic_words.FIRST_NAMES,
    drugs: Mapping[str, str] | None = None,
    held_out: Iterable[str] = (),
    sentences: Iterable[str] = (),
) -> ClinicLanguage:
    """The language of an ordinary practice around its own reasons, urgent phrases and words.

    `practice_words` are names of doctors, streets and departments; `sentences` are further whole
    sentences the practice wants understood. Capitals mean letters: "MRI" is also heard spelled.
    """
    medicines = clinic_words.DRUGS if drugs is None else drugs
    own_reasons = tuple(reasons) or ("appointment",)
    practice = tuple(practice_words)
    words = {
        **WORDS,
        "reason": own_reasons,
        "name": tuple(first_names) or ("john",),
        "last": clinic_words.LAST_NAMES,
        "drug": tuple(medicines) or ("medicine",),
        "practice": practice or ("the doctor",),
        "own": tuple(sentences) or ("{reason}",),
    }
    return ClinicLanguage(
        groups=tuple(SentenceGroup(*group) for group in GROUPS),
        words=words,
        urgent=tuple(urgent_sentences(urgent_phrases)),
        pronunciations=dict(medicines),
        held_out=tuple(held_out),
    )
