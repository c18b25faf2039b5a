"""The search itself can fail: it finds what is there in every disguise, and nothing where nothing is."""

from __future__ import annotations

import random

import pytest

from tests.canary.disguises import DISGUISES
from tests.canary.people import INPUTS, Person, everything, people
from tests.canary.search import Search, fold

TEXTS = everything(people().values())
SEARCH = Search(TEXTS)
PERSON = people()["typed"]
AROUND = b'{"at":"2026-11-21T10:00:00.000Z","by":"w1","event":"turn_ended","heard_ms":12.5}\n'


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("kind", sorted(PERSON.values))
def test_a_text_is_found_in_each_disguise(disguise: str, kind: str) -> None:
    worn = DISGUISES[disguise](PERSON.values[kind])
    for data in (worn, AROUND + worn + AROUND, b"=" + worn + b'"'):
        hits = SEARCH.look({"file": data})
        assert f"typed {kind}" in {hit.text for hit in hits}
        assert {hit.text.split()[0] for hit in hits} == {"typed"}


@pytest.mark.parametrize("kind", ["phone_said", "phone_said_oh", "insured_said", "born_said"])
def test_what_was_said_in_words_is_found(kind: str) -> None:
    said = f"it is {PERSON.spoken[kind].replace(' ', ', ')} thank you".upper()
    assert f"typed {kind}" in {hit.text for hit in SEARCH.look({"file": said.encode()})}


def test_a_name_of_a_file_is_searched_too() -> None:
    hits = SEARCH.look({f"state/{PERSON.last}.wav": b"", "state/plain": b""})
    assert {hit.place for hit in hits} == {"a name"}


def test_every_way_in_has_a_person_of_its_own() -> None:
    assert len(INPUTS) == len(people()) >= 20
    folded = [{fold(text.encode()) for text in each.values.values()} for each in people().values()]
    assert len(set[bytes]().union(*folded)) == sum(len(each) for each in folded)


def test_nothing_is_found_where_nothing_is() -> None:
    chance = random.Random(7)
    log = b"".join(
        b'{"at":"2026-11-21T10:%02d:%02d.%03dZ","pid":%d,"call_id":"c%012x","ms":%d.%03d}\n'
        % (
            chance.randrange(60),
            chance.randrange(60),
            chance.randrange(1000),
            chance.randrange(99999),
            chance.randrange(16**12),
            chance.randrange(9999),
            chance.randrange(1000),
        )
        for _ in range(4_000)
    )
    assert SEARCH.look({"log": log, "random": chance.randbytes(500_000)}) == []


@pytest.mark.parametrize("person", people().values(), ids=INPUTS)
def test_a_clock_that_shows_somebody_s_digits_is_not_theirs(person: Person) -> None:
    year, month, day = person.born
    century, rest = divmod(year, 100)
    number = person.insured
    clocks = (
        f"2026-{month:02}-{day:02} {century}:{rest:02}:07.251 UTC [4711] LOG:",
        f"2026-11-{month:02} {day:02}:{century}:{rest:02}.251 UTC [4711] LOG:",
        f"2026-11-0{number[0]} {number[1:3]}:{number[3:5]}:{number[5:7]}.{number[7:]} UTC [4711] LOG:",
        f"2026-11-{century} {rest:02}:{month:02}:{day:02}.251 UTC [4711] LOG:",
    )
    assert SEARCH.look({"log": "\n".join(clocks).encode()}) == []
    apart = f"born {month:02} {day:02} {century} {rest:02}".encode()
    assert {hit.text.split()[0] for hit in SEARCH.look({"log": apart})} == {person.came_by}


def test_a_text_too_short_to_be_told_from_chance_is_refused() -> None:
    with pytest.raises(AssertionError, match="too short"):
        Search({"short": "ab-12"})
