"""Which numbers are a day or a time, and which are of something else: how long, how often, which room."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.call.day import NoDay, hear_day
from pipeline.call.flow import Flow
from pipeline.call.flow_file import load_flow
from pipeline.call.request import Request
from pipeline.call.slots import understand
from pipeline.call.time_of_day import hear_time
from pipeline.call.words import words

TODAY = date(2026, 3, 4)  # a Wednesday
FLOW: Flow = load_flow()


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("Fri 13", date(2026, 3, 13)),
        ("wed 11", date(2026, 3, 11)),
        ("wed 18 please", date(2026, 3, 18)),
        ("friday 20", date(2026, 3, 20)),
        ("Fri the 13", date(2026, 3, 13)),
        ("friday 13 in the afternoon", date(2026, 3, 13)),
        ("can i come on wednesday 18 at 3 pm", date(2026, 3, 18)),
        ("wed 10 am", date(2026, 3, 11)),
        ("wed 10:30", date(2026, 3, 11)),
        ("wednesday 10 in the morning", date(2026, 3, 11)),
        ("wednesday 10 o'clock", date(2026, 3, 11)),
        ("wed 55", date(2026, 3, 11)),
        ("wednesday 2 kids", date(2026, 3, 11)),
    ],
)
def test_a_weekday_with_a_number_is_the_day_of_the_month(typed: str, day: date) -> None:
    assert hear_day(words(typed), TODAY, asked=True).day == day


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("wed 10", date(2026, 3, 10)),
        ("Fri 14", date(2026, 3, 14)),
        ("tuesday 14 please", date(2026, 3, 14)),
        ("tuesday the 14", date(2026, 3, 14)),
    ],
)
def test_a_weekday_whose_number_is_another_weekday_is_met_with_the_reason(
    typed: str, named: date
) -> None:
    heard = hear_day(words(typed), TODAY, asked=True)
    assert (heard.day, heard.fault, heard.named) == (None, NoDay.OTHER_WEEKDAY, named)


def test_a_number_behind_a_weekday_is_left_to_the_time_that_was_asked_for() -> None:
    heard = understand(FLOW, "wednesday 10", "time", Request(), "", TODAY)
    assert (heard.values.day, heard.values.time) == (date(2026, 3, 11), "10:00")


@pytest.mark.parametrize(
    "said",
    [
        "it comes every 15 20 minutes",
        "every 15 to 20 minutes",
        "15 20 minutes",
        "for 10 15 minutes",
        "for 10-15 minutes",
        "about ten minutes",
        "about 10 or 15 minutes",
        "about five to ten minutes",
        "every ten to twelve hours",
        "a fifteen twenty minute drive",
        "for about ten days",
    ],
)
@pytest.mark.parametrize("asked", [True, False])
def test_how_long_and_how_often_are_no_time_of_day(said: str, asked: bool) -> None:
    assert hear_time(words(said), FLOW.hours, asked=asked).time is None


@pytest.mark.parametrize(
    "said",
    [
        "ext 1234",
        "ext. 1030",
        "room 204",
        "room two oh four",
        "room two hundred and four",
        "i am in room ten thirty",
        "extension twelve thirty four",
        "my extension is 10 30",
        "the code's 1015",
        "suite 930",
        "apartment 12",
        "apt 3",
        "unit 1000",
        "number 12",
        "zip code is 1015",
        "po box 215",
    ],
)
def test_the_number_of_a_thing_is_no_time_of_day(said: str) -> None:
    assert hear_time(words(said), FLOW.hours, asked=True).time is None


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("room 204 at 3", "15:00"),
        ("room 10 3 pm", "15:00"),
        ("ext 1234 and 10 30 please", "10:30"),
        ("ten thirty for 15 20 minutes", "10:30"),
        ("15 20", "15:20"),
        ("14:30 hours", "14:30"),
        ("930", "09:30"),
        ("1530 please", "15:30"),
        ("ten to twelve", "11:50"),
    ],
)
def test_a_time_beside_other_numbers_is_still_heard(said: str, time: str) -> None:
    assert hear_time(words(said), FLOW.hours, asked=True).time == time


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("friday 20 3 pm", date(2026, 3, 20)),
        ("wed 18 10", date(2026, 3, 18)),
        ("wed 18 1030", date(2026, 3, 18)),
        ("thu 12 10am", date(2026, 3, 12)),
        ("thu 19 10am", date(2026, 3, 19)),
        ("fri 20 2026", date(2026, 3, 20)),
        ("fri 20 2027", None),
        ("fri 6 30", date(2026, 3, 6)),
        ("march 12 1030", date(2026, 3, 12)),
    ],
)
def test_a_day_of_the_month_may_have_a_time_or_a_year_behind_it(
    typed: str, day: date | None
) -> None:
    assert hear_day(words(typed), TODAY, asked=True).day == day


def test_ten_in_the_morning_behind_the_twelfth_is_not_ten_past_midnight() -> None:
    understood = understand(FLOW, "thu 12 10am", "day", Request(), "", TODAY)
    assert (understood.values.day, understood.values.time) == (date(2026, 3, 12), "10:00")


@pytest.mark.parametrize(
    "typed",
    ["#204", "in 2019", "i was born in 1945", "march 2019", "456 oak street", "1015 old mill lane", "ends in 1530",
     "$20", "half nine", "nine or ten", "two or maybe three", "2 or 3 o'clock", "9-11", "10-12", "9 am to 11 am",
     "9am-11am", "noon to 1", "noon or 1", "morning or 2 pm", "3 and a half"],
)  # fmt: skip
def test_a_number_of_something_else_a_list_and_a_range_are_no_answer(typed: str) -> None:
    for asked in (True, False):
        assert hear_time(words(typed), FLOW.hours, asked=asked).time is None


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("ten minutes to three", "14:50"),
        ("fifteen minutes past ten", "10:15"),
        ("in that case ten thirty", "10:30"),
        ("flat 3 pm", "15:00"),
        ("nine in the morning", "09:00"),
        ("two tomorrow afternoon", "14:00"),
        ("14h30", "14:30"),
        ("10 30 i have to drive", "10:30"),
        ("ten i think", "10:00"),
        ("ten or so", "10:00"),
        ("1400 hours", "14:00"),
        ("1015 at the elm street office", "10:15"),
        ("nine or ten no wait eleven", "11:00"),
        ("ten minutes after two pills", None),
    ],
)
def test_a_time_beside_other_words_is_heard_whole(said: str, time: str | None) -> None:
    assert hear_time(words(said), FLOW.hours, asked=True).time == time


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("friday nine in the morning", "09:00"),
        ("tomorrow 3 in the afternoon", "15:00"),
        ("no nine in the morning", "09:00"),
        ("ten thirty in the morning", "10:30"),
        ("nine in the morning please", "09:00"),
        ("i take two in the morning", "morning"),
        ("three in the morning i wake up", "morning"),
    ],
)
def test_the_hour_between_a_day_and_its_half_is_kept(said: str, time: str) -> None:
    assert hear_time(words(said), FLOW.hours, asked=False).time == time
