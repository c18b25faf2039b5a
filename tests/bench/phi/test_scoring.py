from __future__ import annotations

import pytest

from bench.phi.labelled import Item, Record, Span
from bench.phi.scoring import Rate, Tally, score


def marked(text: str, *values: str, neutral: str = "") -> Record:
    spans = [Span(text.index(v), text.index(v) + len(v), "PHONE") for v in values]
    if neutral:
        at = text.index(neutral)
        spans.append(Span(at, at + len(neutral), "DATE", neutral=True))
    return Record(text, tuple(spans))


@pytest.mark.parametrize(
    ("text", "value", "answer", "recalled"),
    [
        ("call five five five now", "five five five", "call [PHONE] now", True),
        ("call five five five now", "five five five", "call [PHONE] five now", False),
        ("call five five five now", "five five five", "call five five five now", False),
        ("call five five five now", "five five five", "", True),
        ("at five call five five", "five five", "at five call [PHONE]", False),
        ("tel 3055550142 ok", "3055550142", "tel 305[PHONE] ok", False),
        ("tel 3055550142 ok", "3055550142", "tel [PHONE] ok", True),
        ("b as in boy it is", "b as in boy", "[NAME] as in [NAME] it is", True),
        ("b as in boy it is", "b as in boy", "[NAME] as in boy it is", False),
        ("i am maria ok", "maria", "i am [NAME 5] ok", True),
        ("i am maria ok", "maria", "i am <PERSON> ok", True),
    ],
)
def test_span_is_recalled_only_when_nothing_of_it_is_left(
    text: str, value: str, answer: str, recalled: bool
) -> None:
    if text.startswith("at five"):
        record = Record(text, (Span(13, 22, "PHONE"),))
        assert score(record, answer, "en").recalled == (("PHONE", True),)
        return
    assert score(marked(text, value), answer, "en").recalled == (("PHONE", recalled),)


def test_word_that_also_occurs_outside_is_not_held_against_the_redactor() -> None:
    record = Record("five tablets call five five", (Span(18, 27, "PHONE"),))
    assert score(record, "five tablets call [PHONE]", "en").recalled == (("PHONE", True),)
    assert score(record, "five tablets call [PHONE]", "en").words_lost == 0


def test_word_lost_beside_an_identifier_is_counted() -> None:
    found = score(marked("please call maria today", "maria"), "please [NAME] today", "en")
    assert (found.words, found.words_lost) == (3, 1)


def test_year_beside_a_date_counts_neither_way() -> None:
    record = marked("born march third nineteen ninety", "march third", neutral="nineteen ninety")
    for answer in ("born [DATE] nineteen ninety", "born [DATE]"):
        found = score(record, answer, "en")
        assert found.recalled == (("PHONE", True),)
        assert found.words_lost == 0


def test_bracketed_level_of_a_log_line_is_no_placeholder() -> None:
    record = marked("[INFO] from maria", "maria")
    assert score(record, "[INFO] from [NAME]", "en").words_lost == 0
    assert score(record, "[X] from [NAME]", "en").words_lost == 1


def test_broken_json_is_seen_and_other_text_is_not_asked() -> None:
    record = marked('{"phone": 3055550142}', "3055550142")
    assert score(record, '{"phone": [PHONE]}', "en").json_broken is True
    assert score(record, '{"phone": "[PHONE]"}', "en").json_broken is False
    assert score(marked("hi maria", "maria"), "hi [NAME]", "en").json_broken is None


def test_wilson_interval_matches_a_worked_example() -> None:
    low, high = Rate(90, 100).interval  # 0.8256, 0.9448 in the statistics books
    assert low == pytest.approx(0.8256, abs=1e-4)
    assert high == pytest.approx(0.9448, abs=1e-4)
    assert Rate(0, 0).value is None
    assert Rate(20, 20).interval[1] == 1.0


def test_clean_item_is_touched_when_a_single_character_changes() -> None:
    item = Item("a", "t", "clean", "en", (Record("two tablets", ()),), {})
    tally = Tally()
    tally.add(item, ["two tablets"])
    tally.add(item, ["two  tablets"])
    assert tally.clean == {"en": [1, 2]}
    assert len(tally.misses) == 1


def test_extended_tier_stays_out_of_the_totals() -> None:
    record = Record("doctor maria", (Span(7, 12, "PROVIDER"),))
    tally = Tally()
    tally.add(Item("a", "t", "spoken", "en", (record,), {}), ["doctor maria"])
    assert tally.core == [0, 0]
    assert tally.by_type == {"PROVIDER": [0, 1]}
