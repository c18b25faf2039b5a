"""Synthetic people and the numbers they carry; each half of the set draws from names the other never uses.

Telephone numbers are of the fictional 555-01xx block, social security numbers of the 9xx areas that are
never issued, addresses of the ranges reserved for documentation.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from faker import Faker

_LOCALES = ("en_US", "en_US", "en_US", "es_MX", "vi_VN", "en_IN", "ga_IE", "yo_NG")
_HALVES = ("development", "test")
_CIUDADES = [
    "Guadalajara",
    "Zapopan",
    "Tlaquepaque",
    "Reynosa",
    "Matamoros",
    "Tampico",
    "Durango",
    "Mazatlán",
    "Culiacán",
    "Hermosillo",
    "Nogales",
    "Mexicali",
    "Ensenada",
    "Tepic",
    "Colima",
    "Morelia",
    "Uruapan",
    "Celaya",
    "Irapuato",
    "Querétaro",
    "Pachuca",
    "Puebla",
    "Oaxaca",
    "Xalapa",
    "Coatzacoalcos",
    "Mérida",
    "Campeche",
    "Cancún",
    "Chetumal",
    "Saltillo",
    "Torreón",
    "Monclova",
]
_DRAWS = 500
_CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"
_ORGS = ("Middle School", "Roofing", "Logistics", "Elementary", "Foods", "Packaging")
_PLACES = (
    "Family Clinic",
    "Medical Center",
    "Pediatrics",
    "Dental Associates",
    "Memorial Hospital",
)


@dataclass(frozen=True, slots=True)
class Person:
    """One caller: everything a template may ask for."""

    first: str
    last: str
    relative: str
    provider: str
    born: date
    visit: date
    old_born: date
    age: int
    area: str
    line: str
    house: str
    street: str
    city: str
    zip_code: str
    ssn: str
    mrn: str
    member: str
    mbi: str
    account: str
    card: str
    npi: str
    driver: str
    vin: str
    plate: str
    serial: str
    mac: str
    claim: str
    handle: str
    curp: str
    ip: str
    ip6: str
    voiceprint: str
    org: str
    facility: str

    @property
    def phone(self) -> str:
        """Ten digits."""
        return f"{self.area}555{self.line}"


def half_of(word: str) -> str:
    """Which half may use a name: fixed by the name itself, whatever the order of drawing."""
    return _HALVES[zlib.crc32(word.casefold().encode()) & 1]


class Population:
    """Draws people for one half."""

    def __init__(self, half: str, seed: int) -> None:
        """Draw nothing yet."""
        self._half, self._seed = half, seed
        self.rng = Random()
        self._fakers = {locale: Faker(locale) for locale in set(_LOCALES)}
        self.turn_to("")

    def turn_to(self, template_id: str) -> None:
        """Seed for one template, so that a new template leaves the people of the others alone."""
        root = f"{self._half}-{self._seed}-{template_id}"
        self.rng.seed(root)
        for locale, faker in self._fakers.items():
            faker.seed_instance(f"{root}-{locale}")

    def person(self, lang: str = "en") -> Person:
        """One more."""
        rng = self.rng
        names = self._fakers["es_MX" if lang == "es" else rng.choice(_LOCALES)]
        en = self._fakers["en_US"]
        given = rng.choice((names.first_name_male, names.first_name_female))
        first = self._ours(given)
        last = self._ours(names.last_name)
        return Person(
            first=first,
            last=last,
            relative=self._ours(given),
            provider=self._ours(names.last_name),
            born=date(1937, 1, 1) + timedelta(days=rng.randrange(25_000)),
            visit=date(2026, 1, 1) + timedelta(days=rng.randrange(365)),
            old_born=date(1924, 1, 1) + timedelta(days=rng.randrange(4_300)),
            age=rng.randrange(90, 100),
            area=f"{rng.randrange(2, 10)}{rng.randrange(10)}{rng.randrange(10)}",
            line=f"01{rng.randrange(100):02d}",
            house=str(rng.randrange(112, 9_900)),
            street=self._ours(en.street_name, whole=True),
            city=self._ours(lambda: rng.choice(_CIUDADES))
            if lang == "es"
            else self._ours(en.city, whole=True),
            zip_code=f"{rng.randrange(10_000, 99_999)}",
            ssn=f"9{self._digits(8)}",
            mrn=f"{rng.randrange(1, 10)}{self._digits(rng.choice((6, 7)))}",
            member=self._letters(3) + self._digits(9),
            mbi=f"{rng.randrange(1, 10)}{self._letters(1)}{self._letters(1)}{self._digits(1)}{self._letters(1)}"
            f"{self._letters(1)}{self._digits(1)}{self._letters(2)}{self._digits(2)}",
            account=self._digits(10),
            card=f"4{self._digits(15)}",
            npi=f"1{self._digits(9)}",
            driver=f"{self._letters(1)}{self._digits(7)}",
            vin=f"1{self._letters(4)}{self._digits(5)}{self._letters(1)}{self._digits(6)}",
            plate=f"{self._letters(3)}{self._digits(4)}",
            serial=f"{self._letters(2)}{self._digits(4)}{self._letters(1)}{self._digits(3)}",
            mac="02:" + ":".join(f"{rng.randrange(256):02x}" for _ in range(5)),
            claim=f"{self._letters(2)}{self._digits(7)}",
            handle=f"{first.split()[0].lower()}_{self._letters(2).lower()}{rng.randrange(10, 99)}",
            curp=f"{self._letters(4)}{self._digits(6)}{rng.choice('HM')}{self._letters(5)}{self._digits(2)}",
            ip=f"{rng.choice(('203.0.113', '198.51.100', '192.0.2'))}.{rng.randrange(2, 255)}",
            ip6=f"2001:db8:{rng.randrange(1, 65_535):x}::{rng.randrange(1, 65_535):x}",
            voiceprint=f"{rng.getrandbits(40):010x}",
            org=f"{self._ours(en.last_name)} {rng.choice(_ORGS)}",
            facility=f"{self._ours(en.last_name)} {rng.choice(_PLACES)}",
        )

    def _ours(self, draw: Callable[[], str], whole: bool = False) -> str:
        """A name of this half; of a place the whole name decides, for 'San' and 'New' begin too many."""
        for _ in range(_DRAWS):
            name = draw()
            if (
                len(name) > 2
                and half_of(name if whole else max(name.split(), key=len)) == self._half
            ):
                return name
        raise ValueError("this list has no names for one of the halves")

    def _digits(self, count: int) -> str:
        return "".join(str(self.rng.randrange(10)) for _ in range(count))

    def _letters(self, count: int) -> str:
        return "".join(self.rng.choice(_CONSONANTS) for _ in range(count))
