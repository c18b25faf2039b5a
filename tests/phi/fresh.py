"""Spoken identifiers in sentences put together anew for each seed: a generator, no redactor and no fixed sample.

A sentence is an opening, a way to come to the point, the identifier and a tail; each is drawn. The parts were
written for this file: none was taken from the labelled set.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from faker import Faker

from phi.lexicon import TABLE
from phi.vocabulary import known_word
from tests.phi import renderings

OPENINGS = (
    "", "", "", "okay so", "right", "um hi", "hello there", "yeah", "sure", "one moment", "well", "good morning",
    "sorry about that", "let me see", "i have it here",
)  # fmt: skip
TAILS = (
    "", "", "", "thanks", "did you get that", "if that helps", "is that enough", "i think that is right",
    "and i would like an appointment", "can you see it now", "please", "is it in the system", "okay",
)  # fmt: skip
LEADS: dict[str, tuple[str, ...]] = {
    "phone": (
        "the best number for me is", "you can call", "my cell is", "put down", "i am at", "the number is",
        "try my work line it's", "text me at", "the callback number would be", "ring",
    ),
    "social security": (
        "my social is", "the social security number is", "her social would be", "you want my social that's",
        "s s n",
    ),
    "member": (
        "my member number is", "the insurance card says", "the policy number is", "member id", "it says id",
        "the chart number is", "my record number would be",
    ),
    "birth date": (
        "i was born", "my birthday is", "date of birth", "born on", "her date of birth is", "the d o b is",
        "he was born on",
    ),
    "age": ("my grandfather is", "she turned", "i am", "my husband is", "the patient is", "he will be"),
    "name": (
        "my name is", "this is", "i'm calling for my son", "it's under", "the patient is", "put it under the name",
        "the last name is", "i am", "my mother's name is", "you can ask for",
    ),
    "spelled name": (
        "that is spelled", "my last name is spelled", "it's", "i'll spell it", "the last name is", "it goes",
    ),
    "e-mail": ("my email is", "send it to", "you can write to me at", "the email address is", "it's"),
    "zip": ("my zip code is", "the zip is", "zip"),
}  # fmt: skip
LOCALES = ("en_US", "en_GB", "es_MX", "en_IN", "pl_PL", "yo_NG")
JOINING = frozenset(
    ["the", "of", "de", "la", "y", "del", "el", "los", "mac", "an", "le", "as", "in", "uh", "um", "double", "triple", "dot", "at", "underscore", "com", "org", "net", "years", "old"]
)  # fmt: skip
"""What stands between the words of an identifier and is none of it."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One sentence, and what of it must go."""

    kind: str
    before: str
    said: str
    after: str

    @property
    def text(self) -> str:
        """As it is said."""
        return " ".join(filter(None, (self.before, self.said, self.after)))

    @property
    def frame(self) -> str:
        """Without the identifier."""
        return f"{self.before} {self.after}"


class Sayings:
    """Everything that one seed says."""

    def __init__(self, seed: int) -> None:
        """The same seed says the same."""
        self._chance = random.Random(seed)  # invented people
        self._people = {locale: Faker(locale) for locale in LOCALES}
        for people in self._people.values():
            people.seed_instance(self._chance.getrandbits(32))
        self._make: dict[str, Callable[[], str]] = {
            "phone": lambda: self._number(10),
            "social security": lambda: self._number(9),
            "member": self._member,
            "birth date": self._date,
            "age": lambda: renderings.number(self._chance.randint(90, 99)),
            "name": lambda: f"{self._first()} {self._last()}",
            "spelled name": self._spelled,
            "e-mail": self._email,
            "zip": lambda: renderings.said_digits(self._digits(5)),
        }

    def one(self) -> Saying:
        """The next sentence."""
        kind = self._chance.choice(tuple(self._make))
        before = f"{self._chance.choice(OPENINGS)} {self._chance.choice(LEADS[kind])}".strip()
        said = self._make[kind]()
        return Saying(kind, before, said, self._chance.choice(TAILS))

    def cut(self, words: int) -> int:
        """Where a record of so many words ends."""
        return self._chance.randint(0, words)

    def _digits(self, length: int) -> str:
        return "".join(self._chance.choice("0123456789") for _ in range(length))

    def _number(self, length: int) -> str:
        says = (
            renderings.said_digits,
            renderings.said_in_pairs,
            renderings.said_with_double,
            renderings.said_hesitating,
        )
        return self._chance.choice(says)(self._digits(length))

    def _member(self) -> str:
        letters = "".join(self._chance.choice("bcdfghjklmnpqrstvwxyz") for _ in range(3))
        spell = self._chance.choice((renderings.spelled, renderings.spelled_nato))
        return (
            f"{spell(letters)} {renderings.said_digits(self._digits(self._chance.randint(5, 8)))}"
        )

    def _date(self) -> str:
        day = date(1936, 1, 1) + timedelta(days=self._chance.randrange(88 * 365))
        return renderings.dates_of(day)[self._chance.randrange(2)]

    def _first(self) -> str:
        return self._name(lambda people: str(people.first_name()))

    def _last(self) -> str:
        return self._name(lambda people: str(people.last_name()))

    def _name(self, make: Callable[[Faker], str]) -> str:
        """Half of a country's own, half of syllables that are nobody's."""
        if self._chance.random() < 0.5:
            return make(self._people[self._chance.choice(LOCALES)]).lower()
        while True:
            count = self._chance.randint(2, 4)
            name = "".join(self._chance.choice(renderings.SYLLABLES) for _ in range(count))
            if name not in TABLE and not known_word(name, ~0):
                return name

    def _spelled(self) -> str:
        name = "".join(c for c in self._last() if c in renderings.NATO) or "zeljko"
        says = (renderings.spelled, renderings.spelled_nato, renderings.spelled_as_in)
        return self._chance.choice(says)(name)

    def _email(self) -> str:
        return f"{self._first()} dot {self._last()} at {self._chance.choice(('gmail', 'outlook', 'yahoo'))} dot com"
