"""Consent: said whole and answered before anything is recorded; a no holds for the whole call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recording.consent import (
    Consent,
    DestroyRecording,
    Happening,
    Heard,
    KeyPressed,
    NoteConsent,
    NoticeCut,
    NoticeSaid,
    OptOut,
    Reconnected,
    SayNotice,
    SilencePassed,
    StartRecording,
)

OPT_OUT = OptOut.shipped(["keep this private"])
YES = Heard(("yes", "please"), yes=True)
NO = Heard(("no",), yes=False)
HAPPENINGS = st.sampled_from(
    [
        NoticeSaid(),
        NoticeCut(),
        YES,
        NO,
        Heard(("maybe", "tomorrow")),
        Heard(("please", "do", "not", "record", "this")),
        KeyPressed("1"),
        KeyPressed("2"),
        KeyPressed("*"),
        KeyPressed("7"),
        SilencePassed(),
        Reconnected(),
    ]
)


def asked() -> Consent:
    consent = Consent(ask=True, opt_out=OPT_OUT)
    assert consent.begin() == [SayNotice()]
    consent.on(NoticeSaid())
    return consent


@given(st.lists(HAPPENINGS, max_size=12))
def test_row_r1_nothing_is_asked_or_recorded_where_the_practice_records_nothing(
    happenings: list[Happening],
) -> None:
    consent = Consent(ask=False, opt_out=OPT_OUT)
    assert consent.begin() == []
    for happening in happenings:
        assert consent.on(happening) == []
        assert not consent.may_record


@pytest.mark.parametrize("answer", [YES, KeyPressed("1")])
def test_row_r2_a_yes_to_the_whole_notice_begins_the_recording(answer: Happening) -> None:
    consent = asked()
    assert consent.on(answer) == [NoteConsent("given"), StartRecording()]
    assert consent.may_record
    assert consent.on(answer) == []


@pytest.mark.parametrize("answer", [YES, KeyPressed("1"), SilencePassed()])
def test_x12_an_answer_before_the_notice_was_said_is_none(answer: Happening) -> None:
    consent = Consent(ask=True, opt_out=OPT_OUT)
    consent.begin()
    assert consent.on(answer) == []
    assert not consent.may_record
    assert consent.on(NoticeCut()) == [SayNotice()]
    assert consent.on(answer) == []


def test_x12_a_notice_cut_short_is_said_again_and_then_given_up() -> None:
    consent = Consent(ask=True, opt_out=OPT_OUT)
    consent.begin()
    assert consent.on(NoticeCut()) == [SayNotice()]
    assert consent.on(NoticeCut()) == [NoteConsent("none")]
    assert not consent.pending
    assert consent.on(YES) == []


def test_row_r2_silence_and_unclear_words_are_no_consent() -> None:
    consent = asked()
    assert consent.on(SilencePassed()) == [SayNotice()]
    consent.on(NoticeSaid())
    assert consent.on(Heard(("I", "need", "an", "appointment"))) == [NoteConsent("none")]
    assert consent.state == "unanswered"
    assert consent.on(YES) == []  # "yes" to a later question is no answer to this one
    assert not consent.may_record


@pytest.mark.parametrize("refusal", [NO, KeyPressed("2"), KeyPressed("*")])
@pytest.mark.parametrize("said", [True, False])
def test_row_r2_a_no_counts_even_during_the_notice_and_never_starts(
    refusal: Happening, *, said: bool
) -> None:
    consent = Consent(ask=True, opt_out=OPT_OUT)
    consent.begin()
    if said:
        consent.on(NoticeSaid())
    assert consent.on(refusal) == [NoteConsent("refused")]
    for later in (NoticeSaid(), YES, KeyPressed("1"), Reconnected(), NoticeSaid(), YES):
        assert consent.on(later) == []
    assert not consent.may_record


@pytest.mark.parametrize(
    "words",
    [
        "Please don\u2019t record this",
        "I do not want to be recorded.",
        "could you STOP recording, thanks",
        "I'd rather not be recorded",
        "no quiero que me graben",
        "keep this private",
    ],
)
def test_row_r2_an_opt_out_at_any_later_time_ends_and_destroys(words: str) -> None:
    consent = asked()
    consent.on(YES)
    assert consent.on(Heard(tuple(words.split()))) == [
        DestroyRecording(),
        NoteConsent("withdrawn"),
    ]
    assert consent.on(YES) == []
    assert not consent.may_record


@pytest.mark.parametrize("words", ["no", "my medical record", "i have a record of that"])
def test_a_no_to_a_later_question_is_no_opt_out(words: str) -> None:
    consent = asked()
    consent.on(YES)
    assert consent.on(Heard(tuple(words.split()), yes=False)) == []
    assert consent.on(KeyPressed("2")) == []
    assert consent.may_record


def test_row_r2_a_connection_that_comes_back_keeps_the_decision() -> None:
    agreed = asked()
    agreed.on(YES)
    assert agreed.on(Reconnected()) == []
    assert agreed.may_record
    waiting = asked()
    assert waiting.on(Reconnected()) == [SayNotice()]
    assert waiting.on(YES) == []  # the notice that came back was not heard to its end
    refused = asked()
    refused.on(NO)
    assert refused.on(Reconnected()) == []


@given(st.lists(HAPPENINGS, max_size=25))
def test_row_r2_no_order_of_events_records_without_a_heard_notice_and_a_yes(
    happenings: list[Happening],
) -> None:
    consent = Consent(ask=True, opt_out=OPT_OUT)
    consent.begin()
    refused = said = False
    for happening in happenings:
        said = said or isinstance(happening, NoticeSaid)
        before = consent.state
        actions = consent.on(happening)
        refused = refused or consent.state in {"refused", "withdrawn"}
        if StartRecording() in actions:
            assert before == "asked"
            assert said
            assert not refused
            assert happening in (YES, KeyPressed("1"))
        assert not (refused and consent.may_record)
