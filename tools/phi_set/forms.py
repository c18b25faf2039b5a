"""Every slot a template may name, and how a person's value is written or said in it.

`‹…›` inside a rendering marks what is scored neither way: a year beside a date.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import cast
from urllib.parse import quote

from tools.phi_set.people import Person
from tools.phi_set.spoken import (
    Lang,
    as_in,
    digits,
    doubled,
    hesitant,
    homophones,
    month,
    nato,
    number,
    ordinal,
    pairs,
    plain,
    repaired,
    spelled,
    year,
)

TYPES = {
    "name": "NAME", "first": "NAME", "last": "NAME", "rel": "NAME",
    "dob": "DATE", "visit": "DATE", "old": "DATE", "holiday": "DATE", "age": "AGE",
    "phone": "PHONE", "fax": "FAX", "email": "EMAIL", "ssn": "SSN", "mrn": "MRN",
    "member": "MEMBER", "mbi": "MEMBER", "account": "ACCOUNT", "card": "ACCOUNT",
    "npi": "LICENSE", "driver": "LICENSE", "vin": "VEHICLE", "plate": "VEHICLE",
    "serial": "DEVICE", "mac": "DEVICE", "claim": "OTHERID", "handle": "OTHERID", "curp": "OTHERID",
    "street": "ADDRESS", "city": "CITY", "zip": "ZIP", "ip": "IP", "url": "URL",
    "voiceprint": "BIOMETRIC", "face": "PHOTO",
    "org": "ORG", "provider": "PROVIDER", "facility": "FACILITY",
}  # fmt: skip
EXTENDED = frozenset({"PROVIDER", "FACILITY"})
"""Not in the statute's list: scored, and left out of the total."""

_HOLIDAYS = {
    "en": ("christmas eve", "thanksgiving", "labor day", "valentine's day", "halloween"),
    "es": ("nochebuena", "el día de la independencia", "navidad", "el día de muertos"),
}


@dataclass(frozen=True, slots=True)
class Draw:
    """What a rendering may look at."""

    who: Person
    rng: Random
    lang: Lang


def _low(text: str, lang: Lang) -> str:
    return text.lower() if lang == "es" else plain(text).lower()


def _email(who: Person) -> str:
    return f"{plain(who.first).lower().split()[0]}.{plain(who.last).lower().split()[-1]}@example.org".replace(
        "'", ""
    )


def _email_said(draw: Draw) -> str:
    dot, at = (" punto ", " arroba ") if draw.lang == "es" else (" dot ", " at ")
    return _email(draw.who).replace(".", dot).replace("@", at)


def _said_date(day: date, lang: Lang) -> str:
    if lang == "es":
        return f"{number(day.day, 'es')} de {month(day, 'es')} de ‹{year(day.year, 'es')}›"
    return f"{month(day)} {ordinal(day.day)} ‹{year(day.year)}›"


def _written_date(day: date, lang: Lang) -> str:
    if lang == "es":
        return f"{day.day} de {month(day, 'es')} de ‹{day.year}›"
    return f"{month(day).capitalize()} {day.day}, ‹{day.year}›"


def _slug(who: Person, sign: str) -> str:
    return sign.join(plain(f"{who.first} {who.last}").lower().replace("'", "").split())


_Form = Callable[[Draw], str]


def _dates(field: str) -> dict[str, _Form]:
    def day(draw: Draw) -> date:
        return cast(date, getattr(draw.who, field))

    return {
        "iso": lambda d: f"‹{day(d):%Y}›{day(d):-%m-%d}",
        "us": lambda d: f"{day(d):%m/%d/}‹{day(d):%Y}›",
        "short": lambda d: f"{day(d).month}/{day(d).day}",
        "eu": lambda d: f"{day(d):%d/%m/}‹{day(d):%Y}›",
        "compact": lambda d: f"{day(d):%Y%m%d}",
        "keyed": lambda d: f"{day(d):%m%d%Y}",
        "written": lambda d: _written_date(day(d), d.lang),
        "spoken": lambda d: _said_date(day(d), d.lang),
        "digits": lambda d: (
            f"{'oh ' if day(d).month < 10 else ''}{number(day(d).month)} {number(day(d).day)} ‹{number(day(d).year % 100)}›"
        ),
        "of": lambda d: (
            f"{number(day(d).day, 'es')} de {month(day(d), 'es')}"
            if d.lang == "es"
            else f"{ordinal(day(d).day)} of {month(day(d))}"
        ),
        "day": lambda d: number(day(d).day, "es") if d.lang == "es" else ordinal(day(d).day),
        "monthday": lambda d: f"{month(day(d))} {ordinal(day(d).day)}",
        "month": lambda d: month(day(d), d.lang),
        "year": lambda d: f"‹{year(day(d).year, d.lang)}›",
    }


def _numbers(value: Callable[[Person], str]) -> dict[str, _Form]:
    return {
        "bare": lambda d: value(d.who),
        "spoken": lambda d: digits(value(d.who), d.lang),
        "oh": lambda d: digits(value(d.who), d.lang, oh=d.lang == "en"),
        "pairs": lambda d: pairs(value(d.who), d.lang),
        "double": lambda d: doubled(value(d.who)),
        "homophones": lambda d: homophones(value(d.who)),
        "filler": lambda d: hesitant(value(d.who), d.rng, d.lang),
        "repair": lambda d: repaired(value(d.who), d.rng, d.lang),
        "last4": lambda d: digits(value(d.who)[-4:], d.lang),
        "last4.bare": lambda d: value(d.who)[-4:],
        "a": lambda d: digits(value(d.who)[:3], d.lang),
        "b": lambda d: digits(value(d.who)[3:6], d.lang),
        "c": lambda d: digits(value(d.who)[6:], d.lang),
        "nato": lambda d: nato(value(d.who)),
        "as_in": lambda d: as_in(value(d.who), d.lang),
        "lower": lambda d: value(d.who).lower(),
        "base64": lambda d: base64.b64encode(value(d.who).encode()).decode(),
    }


def _phones() -> dict[str, _Form]:
    return _numbers(lambda who: who.phone) | {
        "us": lambda d: f"({d.who.area}) 555-{d.who.line}",
        "dashes": lambda d: f"{d.who.area}-555-{d.who.line}",
        "dots": lambda d: f"{d.who.area}.555.{d.who.line}",
        "e164": lambda d: f"+1{d.who.phone}",
        "es": lambda d: f"{d.who.area} 555 {d.who.line}",
    }


def _words(value: Callable[[Person], str]) -> dict[str, _Form]:
    return {
        "": lambda d: value(d.who),
        "lower": lambda d: _low(value(d.who), d.lang),
        "upper": lambda d: plain(value(d.who)).upper(),
        "spelled": lambda d: spelled(value(d.who)),
        "as_in": lambda d: as_in(value(d.who), d.lang),
        "nato": lambda d: nato(value(d.who)),
        "slug": lambda d: plain(value(d.who)).lower().replace("'", "").replace(" ", "-"),
        "hex": lambda d: value(d.who).encode().hex(),
        "base64": lambda d: base64.b64encode(value(d.who).encode()).decode(),
    }


FORMS: dict[str, dict[str, _Form]] = {
    "name": _words(lambda who: f"{who.first} {who.last}")
    | {
        "last_first": lambda d: f"{d.who.last}, {d.who.first}",
        "initial": lambda d: f"{d.who.first[0]}. {d.who.last}",
        "reversed": lambda d: _low(f"{d.who.last} {d.who.first}", d.lang),
        "hyphen": lambda d: _slug(d.who, "-"),
        "snake": lambda d: _slug(d.who, "_"),
        "dotted": lambda d: _slug(d.who, "."),
        "joined": lambda d: _slug(d.who, ""),
        "url": lambda d: quote(f"{d.who.first} {d.who.last}"),
    },
    "first": _words(lambda who: who.first),
    "last": _words(lambda who: who.last),
    "rel": _words(lambda who: who.relative),
    "provider": _words(lambda who: who.provider),
    "org": _words(lambda who: who.org),
    "facility": _words(lambda who: who.facility),
    "dob": _dates("born"),
    "visit": _dates("visit"),
    "old": {
        "spoken": lambda d: _said_date(d.who.old_born, d.lang).replace("‹", "").replace("›", ""),
        "year": lambda d: year(d.who.old_born.year, d.lang),
        "iso": lambda d: d.who.old_born.isoformat(),
        "bare": lambda d: str(d.who.old_born.year),
    },
    "holiday": {"": lambda d: d.rng.choice(_HOLIDAYS[d.lang])},
    "age": {
        "spoken": lambda d: number(d.who.age, d.lang),
        "bare": lambda d: str(d.who.age),
    },
    "phone": _phones(),
    "fax": _phones(),
    "email": {
        "": lambda d: _email(d.who),
        "said": _email_said,
        "spelled": lambda d: (
            f"{spelled(d.who.first)} {spelled(d.who.last)} "
            + ("arroba example punto org" if d.lang == "es" else "at example dot org")
        ),
        "url": lambda d: quote(_email(d.who)),
    },
    "ssn": _numbers(lambda who: who.ssn)
    | {
        "dashes": lambda d: f"{d.who.ssn[:3]}-{d.who.ssn[3:5]}-{d.who.ssn[5:]}",
        "spaces": lambda d: f"{d.who.ssn[:3]} {d.who.ssn[3:5]} {d.who.ssn[5:]}",
    },
    "mrn": _numbers(lambda who: who.mrn),
    "member": _numbers(lambda who: who.member),
    "mbi": _numbers(lambda who: who.mbi)
    | {"dashes": lambda d: f"{d.who.mbi[:4]}-{d.who.mbi[4:7]}-{d.who.mbi[7:]}"},
    "account": _numbers(lambda who: who.account),
    "card": _numbers(lambda who: who.card)
    | {"spaces": lambda d: " ".join(d.who.card[at : at + 4] for at in range(0, 16, 4))},
    "npi": _numbers(lambda who: who.npi),
    "driver": _numbers(lambda who: who.driver),
    "vin": _numbers(lambda who: who.vin),
    "plate": _numbers(lambda who: who.plate)
    | {"dash": lambda d: f"{d.who.plate[:3]}-{d.who.plate[3:]}"},
    "serial": _numbers(lambda who: who.serial)
    | {"dash": lambda d: f"{d.who.serial[:2]}-{d.who.serial[2:]}"},
    "mac": {"": lambda d: d.who.mac},
    "claim": _numbers(lambda who: who.claim),
    "handle": {"": lambda d: f"@{d.who.handle}"},
    "curp": _numbers(lambda who: who.curp),
    "street": {
        "": lambda d: f"{d.who.house} {d.who.street}",
        "spoken": lambda d: f"{pairs(d.who.house, d.lang)} {_low(d.who.street, d.lang)}",
        "lower": lambda d: f"{d.who.house} {d.who.street}".lower(),
        "calle": lambda d: f"calle {_low(d.who.relative, 'es')} número {pairs(d.who.house, 'es')}",
        "Calle": lambda d: f"Calle {d.who.relative} {d.who.house}",
        "box": lambda d: f"po box {pairs(d.who.house, d.lang)}",
        "unit": lambda d: f"{d.who.house} {d.who.street}, Apt {d.who.line[2:]}",
    },
    "city": _words(lambda who: who.city),
    "zip": {
        name: form
        for name, form in _numbers(lambda who: who.zip_code).items()
        if name != "c"  # five digits have no third group
    },
    "ip": {"": lambda d: d.who.ip, "6": lambda d: d.who.ip6},
    "url": {
        "": lambda d: f"https://portal.example.org/patients/{_slug(d.who, '-')}",
        "query": lambda d: (
            f"https://portal.example.org/chart?mrn={d.who.mrn}&dob={d.who.born:%Y%m%d}"
        ),
        "said": lambda d: f"portal dot example dot org slash {_slug(d.who, '')}",
    },
    "voiceprint": {"": lambda d: f"vp_{d.who.voiceprint}"},
    "face": {"": lambda d: f"{_slug(d.who, '_')}‹_face.jpg›"},
}


def render(slot: str, draw: Draw) -> tuple[str, str]:
    """The type and the text of a slot such as `phone.spoken`; KeyError names an unknown slot."""
    field, _, form = slot.partition(".")
    try:
        return TYPES[field], FORMS[field][form](draw)
    except KeyError:
        raise KeyError(f"no such slot: {slot}") from None
