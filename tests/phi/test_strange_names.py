"""Faker's names of many countries, in the frames of logs, notes and speech: nearly all of them go."""

from __future__ import annotations

import re
from collections import Counter

from faker import Faker

from phi.carry import CallContext
from phi.redact import Redactor

REDACTOR = Redactor(budget_ms=200)
LOCALES = ("en_US", "es_MX", "vi_VN", "en_IN", "ga_IE", "yo_NG", "pl_PL", "en_GB")
NAMES_EACH = 12
FRAMES = (
    "/media/{f}_{l}_face.jpg",
    "FileNotFoundError: '/srv/up/{l}-{f}.pdf'",
    "KeyError: '{L}'",
    "ValueError: bad caller name '{F} {L}'",
    "my name is {f} {l}",
    "this is {f} {l} calling",
    "last name {l} first name {f}",
    "INFO caller={F} {L} node=book",
    '{{"who": "{F} {L}"}}',
    '{{"patient": {{"first": "{f}", "last": "{l}"}}}}',
    "Pt {L} seen today",
    "{L}, {F} DOB on file",
    "it's for my son {f} {l}",
    "From: {F} {L} <x@example.org>",
    "user {f}.{l} logged in",
    "Dear {F} {L},",
    "me llamo {f} {l}",
    "name: {F} {L}",
)
PARTICLES = frozenset(["de", "la", "y", "del", "el", "los", "mac", "an", "le"])
WORD = re.compile(r"[^\W_]+")
LEAST_HIDDEN = 0.985


def _left(frame: str, first: str, last: str) -> bool:
    text = frame.format(f=first.lower(), l=last.lower(), F=first, L=last)
    out = REDACTOR.redact(text, CallContext(single=True)).text.lower()
    own = Counter(WORD.findall(frame.format(f=" ", l=" ", F=" ", L=" ").lower()))
    got = Counter(WORD.findall(re.sub(r"\[[a-z]+\]", " ", out)))
    return any(
        got[word] > own[word] for word in set(WORD.findall(f"{first} {last}".lower())) - PARTICLES
    )


def test_nearly_all_names_of_many_countries_go() -> None:
    asked = leaked = 0
    for locale in LOCALES:
        people = Faker(locale)
        people.seed_instance(20)
        for _ in range(NAMES_EACH):
            first, last = people.first_name(), people.last_name()
            for frame in FRAMES:
                asked += 1
                leaked += _left(frame, first, last)
    assert leaked <= (1 - LEAST_HIDDEN) * asked, f"{leaked} of {asked} leaked"
