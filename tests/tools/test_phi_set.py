from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from random import Random

import pytest

from bench.phi.labelled import CLEAN, DEVELOPMENT, TEST_HALF, Item, as_line, read
from tools.make_phi_set import SEED
from tools.phi_set import spoken
from tools.phi_set.build import items, templates
from tools.phi_set.forms import FORMS, TYPES, Draw, render
from tools.phi_set.people import Population

HALVES = {"development": DEVELOPMENT, "test": TEST_HALF}
CORE_TYPES = frozenset(TYPES.values())


@cache
def shipped(half: str) -> list[Item]:
    return read(HALVES[half])


@pytest.mark.parametrize("half", HALVES)
def test_same_seed_gives_the_shipped_file(half: str) -> None:
    made = "".join(as_line(item) + "\n" for item in items(half, SEED))
    assert made == HALVES[half].read_text(encoding="utf-8")


def test_another_seed_gives_other_people() -> None:
    assert items("development", SEED + 1) != shipped("development")


def test_no_template_and_no_wording_is_in_both_halves() -> None:
    ids = {half: {item.template for item in shipped(half)} for half in HALVES}
    assert not ids["development"] & ids["test"]
    texts = {
        half: {t.texts + tuple(t.known) for t in templates() if t.half == half} for half in HALVES
    }
    assert not texts["development"] & texts["test"]


def test_no_name_is_in_both_halves() -> None:
    found = {}
    for half in HALVES:
        population = Population(half, SEED)
        people = [population.person(lang) for lang in ("en", "es") for _ in range(150)]
        found[half] = {name for who in people for name in (who.first, who.last, who.relative)}
    assert not found["development"] & found["test"]


@pytest.mark.parametrize("half", HALVES)
def test_offsets_cut_out_trimmed_text_and_never_overlap(half: str) -> None:
    for item in shipped(half):
        for record in item.records:
            end = 0
            for span in record.spans:
                value = record.text[span.start : span.end]
                assert value == value.strip(), item.id
                assert value, item.id
                assert span.start >= end, item.id
                end = span.end
            assert not re.search("[«»‹›⏎‖]", record.text), item.id


@pytest.mark.parametrize("half", HALVES)
def test_every_type_is_in_each_half(half: str) -> None:
    assert {
        span.type for item in shipped(half) for record in item.records for span in record.spans
    } == CORE_TYPES


def test_set_is_large_enough_and_small_enough() -> None:
    assert sum(len(shipped(half)) for half in HALVES) >= 900
    assert sum(path.stat().st_size for path in HALVES.values()) < 1_500_000


def test_json_items_are_json() -> None:
    found = [item for half in HALVES for item in shipped(half) if item.category == "json"]
    assert found
    for item in found:
        json.loads(item.records[0].text)


def test_clean_items_have_no_span() -> None:
    found = [item for half in HALVES for item in shipped(half) if item.category in CLEAN]
    assert found
    assert not any(record.spans for item in found for record in item.records)


def test_every_slot_can_be_rendered_in_both_languages() -> None:
    for lang in ("en", "es"):
        who = Population("development", 1).person(lang)
        for field, forms in FORMS.items():
            for form in forms:
                kind, text = render(
                    f"{field}.{form}" if form else field, Draw(who, Random(1), lang)
                )
                assert kind == TYPES[field]
                assert text.strip()


def test_unknown_slot_is_named() -> None:
    with pytest.raises(KeyError, match=r"phone\.smoke"):
        render("phone.smoke", Draw(Population("test", 1).person(), Random(1), "en"))


def test_numbers_are_said_as_people_say_them() -> None:
    assert spoken.year(1985) == "nineteen eighty five"
    assert spoken.year(1905) == "nineteen oh five"
    assert spoken.year(1985, "es") == "mil novecientos ochenta y cinco"
    assert spoken.ordinal(20) == "twentieth"
    assert spoken.ordinal(31) == "thirty first"
    assert spoken.doubled("5550022") == "triple five double oh double two"
    assert spoken.pairs("30542") == "three oh five forty two"
    assert spoken.homophones("1248") == "won to for ate"
    assert spoken.as_in("b2") == "b as in boy two"
    assert spoken.month(date(1985, 3, 1), "es") == "marzo"
    assert spoken.plain("Đặng Nuñez") == "Dang Nunez"
