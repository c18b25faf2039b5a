"""Rows of the requirements that are decided by the floor, each as a table of events."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest

from models.pocketsphinx_child import _MAX_UTTERANCE_BYTES, RATE_HZ
from pipeline.turn.endpoint import WAITS, EndpointSettings, waits
from pipeline.turn.events import (
    Action,
    AnswerTyped,
    Asked,
    BeginUtterance,
    BreakSilence,
    CommitInterrupt,
    Completeness,
    CompletionGuessed,
    DropUtterance,
    Duck,
    EndTurn,
    Interrupt,
    KeyPressed,
    LineChanged,
    OfferPerson,
    Profile,
    ReopenTurn,
    ReplyAbandoned,
    ReplyDrained,
    ReplyStarted,
    Reprompt,
    ResumeReply,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    TakeEager,
    TimerDue,
    Unduck,
    VoicePossible,
    VoiceUnconfirmed,
    WithdrawEager,
    WordsLate,
)
from pipeline.turn.settings import FloorSettings
from pipeline.turn.standing import HeldBy
from tests.turn.table import Played, asked, heard, spoken

ANSWERED = Completeness.ANSWERED
PLAUSIBLE = Completeness.PLAUSIBLE
OPEN = Completeness.OPEN
PHONE = Asked("phone", digits=10)
DAY = Asked("day")


# --- T1 to T3: the end of a turn -----------------------------------------------------------------


def test_row_t1_the_silence_timer_fires_at_200_ms() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    assert line.floor.next_due_ms == pytest.approx(2_200, abs=20)
    line.wait_until(5_000)
    assert line.at(EndTurn) == [pytest.approx(2_200, abs=20)]


@pytest.mark.parametrize(
    ("question", "ended_ms"),
    [(None, 2_400), (Asked("open"), 2_400), (Asked("reason", profile=Profile.PATIENT), 2_500)],
)
def test_row_t1_the_silence_is_a_setting(question: Asked | None, ended_ms: float) -> None:
    settings = FloorSettings(endpoint=EndpointSettings(silence_ms=400.0))
    line = asked(Played(settings), question).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    assert line.wait_until(5_000).at(EndTurn) == [ended_ms]


def test_no_other_wait_is_shorter_than_the_silence_that_ends_a_turn() -> None:
    row = waits(DAY, EndpointSettings(silence_ms=2_000.0))
    assert min(row.bare_ms, row.unanswered_ms, row.ceiling_ms, row.digits_ms) == row.end_ms == 2_000


def test_row_t1_without_evidence_only_the_ceiling_ends_a_turn() -> None:
    line = asked(Played(), Asked("open")).tell(
        *spoken(1_000, 2_000), heard(2_100, 3, settled=False)
    )
    ceiling_ms = WAITS[Profile.NORMAL].ceiling_ms
    assert line.wait_until(9_000).at(EndTurn) == [pytest.approx(2_000 + ceiling_ms, abs=100)]


def test_row_t1_words_that_end_in_mid_phrase_wait_for_the_ceiling() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 3, OPEN))
    assert line.wait_until(9_000).at(EndTurn) == [2_000 + WAITS[Profile.NORMAL].ceiling_ms]


def test_row_t2_the_fast_profile_is_150_ms_and_changes_at_run_time_with_the_question() -> None:
    line = asked(Played(), Asked("reason", profile=Profile.FAST))
    line.tell(*spoken(1_000, 2_000), heard(2_090, 3), TimerDue(2_149))
    assert line.count(EndTurn) == 0
    assert line.wait_until(3_000).at(EndTurn) == [2_150.0]
    asked(line, Asked("reason", profile=Profile.PATIENT), at_ms=4_000, epoch=2)
    line.tell(*spoken(5_000, 6_000), heard(6_100, 3))
    assert line.wait_until(9_000).at(EndTurn) == [2_150.0, 6_250.0]


@pytest.mark.parametrize(
    ("profile", "end_ms"), [(Profile.FAST, 150), (Profile.NORMAL, 200), (Profile.PATIENT, 250)]
)
def test_row_t3_one_table_holds_the_profiles(profile: Profile, end_ms: float) -> None:
    assert WAITS[profile].end_ms == end_ms
    line = asked(Played(), Asked("day", profile=profile))
    line.tell(*spoken(1_000, 2_000), heard(2_100, 2, ANSWERED))
    assert line.wait_until(5_000).at(EndTurn) == [2_000 + end_ms]


def test_row_t3_the_documented_table_is_the_one_that_is_used() -> None:
    page = (Path(__file__).parents[2] / "docs" / "turn-taking.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    documented = {row[0]: tuple(float(cell) for cell in row[1:]) for row in rows[1:]}
    assert documented == {profile.value: astuple(row) for profile, row in WAITS.items()}


def test_digit_mode_waits_inside_a_number_and_ends_at_once_when_it_is_full() -> None:
    line = asked(Played(), PHONE).tell(*spoken(1_000, 2_000), heard(2_100, 3, OPEN, digits=3))
    line.tell(SpeechStarted(3_360, 3_200), SpeechPaused(4_080, 4_000))
    assert line.count(EndTurn) == 0
    line.tell(heard(4_100, 10, ANSWERED, digits=10))
    assert line.wait_until(9_000).at(EndTurn) == [4_200.0]
    assert line.count(BeginUtterance) == 1


def test_the_acoustic_guess_lengthens_by_at_most_150_ms_and_never_ends_a_turn() -> None:
    def ended(words: Completeness, probability: float | None, question: Asked) -> list[float]:
        line = asked(Played(), question).tell(*spoken(1_000, 2_000))
        if probability is not None:
            line.tell(CompletionGuessed(2_095, probability))
        return line.tell(heard(2_100, 3, words)).wait_until(9_000).at(EndTurn)

    free = Asked("open")
    assert ended(PLAUSIBLE, 0.0, free) == [2_350.0]
    assert ended(PLAUSIBLE, 0.25, free) == [2_275.0]
    assert ended(PLAUSIBLE, 1.0, free) == ended(PLAUSIBLE, None, free) == [2_200.0]
    assert ended(OPEN, 1.0, free) == ended(OPEN, None, free)
    assert ended(ANSWERED, 0.0, DAY) == [2_200.0], "an answer to the question outranks the sound"


def test_words_that_do_not_answer_the_question_are_given_more_time() -> None:
    line = asked(Played(), DAY).tell(*spoken(1_000, 2_000), heard(2_100, 5, PLAUSIBLE))
    assert line.wait_until(9_000).at(EndTurn) == [2_000 + WAITS[Profile.NORMAL].unanswered_ms]


def test_a_decision_waits_while_the_pre_gate_is_open() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    line.tell(VoicePossible(2_190), SpeechStarted(2_300, 2_140), SpeechPaused(3_080, 3_000))
    assert line.count(EndTurn) == 0
    assert line.tell(heard(3_100, 8)).wait_until(9_000).at(EndTurn) == [3_200.0]


# --- T5 to T8: interruption ----------------------------------------------------------------------


def speaking(line: Played | None = None, *, protected: bool = False) -> Played:
    return (line or Played()).tell(ReplyStarted(0, 1, protected=protected))


def test_row_t5_voice_that_is_only_possible_ducks_and_never_interrupts() -> None:
    line = speaking().tell(VoicePossible(1_060), VoiceUnconfirmed(1_120)).wait_until(9_000)
    assert line.log == [(1_060, Duck()), (1_120, Unduck())]


def test_row_t5_confirmed_speech_interrupts_in_the_same_call() -> None:
    line = speaking().tell(VoicePossible(1_060), SpeechStarted(1_160, 1_000))
    assert line.names == ["Duck", "Interrupt", "Unduck", "BeginUtterance"]
    assert line.at(Interrupt) == [1_160]
    assert line.floor.held_by is HeldBy.CONTESTED


def test_row_t6_three_bursts_in_800_ms_are_one_interruption_and_one_turn() -> None:
    line = speaking().tell(
        SpeechStarted(1_160, 1_000),
        SpeechPaused(1_280, 1_200),
        heard(1_330, 1),
        SpeechResumed(1_420),
        SpeechPaused(1_580, 1_500),
        heard(1_630, 2),
        SpeechResumed(1_700),
        SpeechPaused(1_880, 1_800),
        heard(1_930, 4),
    )
    line.wait_until(9_000)
    assert (line.count(Interrupt), line.count(CommitInterrupt)) == (1, 1)
    assert line.at(EndTurn) == [2_100.0], "300 ms of silence must follow"
    assert line.count(BeginUtterance) == 1, "one utterance holds all the words"
    assert line.count(WithdrawEager) == 2


def test_row_t7_an_interruption_has_a_timeline() -> None:
    line = speaking().tell(VoicePossible(1_060), *spoken(1_000, 1_300), heard(1_460, 2))
    line.wait_until(1_700).tell(ReplyStarted(1_750, 2))
    assert (line.at(Duck), line.at(Interrupt)) == ([1_060], [1_160])
    assert (line.at(CommitInterrupt), line.at(EndTurn)) == ([1_460], [1_600])
    assert line.floor.held_by is HeldBy.US


def test_row_t9_nothing_comes_before_the_flush() -> None:
    line = speaking().tell(SpeechStarted(1_160, 1_000))
    assert line.names[0] == "Interrupt"


def test_row_t11_the_interruption_is_committed_before_its_turn_ends() -> None:
    line = speaking().tell(*spoken(1_000, 1_600), heard(1_950, 3))
    assert line.names[-2:] == ["CommitInterrupt", "EndTurn"]
    assert line.at(CommitInterrupt) == line.at(EndTurn) == [1_950]


def test_row_t8_the_steps_of_an_interruption_come_in_order() -> None:
    line = speaking().tell(*spoken(1_000, 1_600), heard(1_720, 3)).wait_until(3_000)
    kept = [name for name in line.names if name not in ("TakeEager", "BeginUtterance")]
    assert kept == ["Interrupt", "CommitInterrupt", "EndTurn"]


def test_row_t12_an_interruption_becomes_a_turn_300_ms_after_its_last_word() -> None:
    line = speaking().tell(*spoken(1_000, 1_600), heard(1_720, 1)).wait_until(2_000)
    assert line.at(EndTurn) == [1_900.0]


def test_row_t10_a_late_first_sample_does_not_speak_over_the_caller() -> None:
    line = Played().tell(SpeechStarted(160, 0), ReplyStarted(200, 3))
    assert line.names[-1] == "Interrupt"


def test_row_t13_a_cough_does_not_lose_the_reply() -> None:
    line = speaking().tell(*spoken(1_000, 1_300), heard(1_450, 0)).wait_until(2_000)
    assert line.names == [
        "Interrupt",
        "BeginUtterance",
        "TakeEager",
        "ResumeReply",
        "DropUtterance",
    ]
    assert line.at(ResumeReply)[0] - 1_300 <= 400


def test_row_t13_a_reply_goes_on_without_any_transcript() -> None:
    line = speaking().tell(*spoken(1_000, 1_300)).wait_until(1_700)
    assert line.at(ResumeReply)[0] - 1_300 <= 400
    assert line.count(DropUtterance) == 0, "words may still come"
    assert line.wait_until(9_000).count(DropUtterance) == 1


def test_row_t13_words_that_come_late_interrupt_after_all() -> None:
    line = speaking().tell(*spoken(1_000, 1_300), heard(1_900, 2)).wait_until(2_500)
    kept = [name for name in line.names if name not in ("TakeEager", "BeginUtterance")]
    assert kept == ["Interrupt", "ResumeReply", "Interrupt", "CommitInterrupt", "EndTurn"]


def test_row_t13_a_vacuum_cleaner_does_not_keep_us_silent() -> None:
    line = speaking().tell(SpeechStarted(1_160, 1_000)).wait_until(60_000)
    assert line.at(ResumeReply) == [5_160.0]
    assert line.count(Interrupt) == 1


def test_a_single_word_of_a_passing_hypothesis_does_not_commit() -> None:
    line = speaking().tell(SpeechStarted(1_160, 1_000), heard(1_300, 1, settled=False))
    assert line.count(CommitInterrupt) == 0
    line.tell(heard(1_500, 3, settled=False), heard(1_700, 5, settled=False))
    assert line.count(CommitInterrupt) == 1


# --- T17: the protected greeting -----------------------------------------------------------------


def test_row_t17_the_greeting_is_never_ducked_or_interrupted_and_speech_is_kept() -> None:
    line = speaking(protected=True)
    line.tell(VoicePossible(560), *spoken(500, 2_000), *spoken(3_000, 4_000), KeyPressed(4_500))
    line.wait_until(7_999)
    assert line.names == ["BeginUtterance"]
    line.tell(ReplyDrained(8_000, 1, Asked("reason")), heard(8_100, 6)).wait_until(8_300)
    assert line.names == ["BeginUtterance", "TakeEager", "EndTurn"]
    assert line.at(EndTurn) == [8_100.0], "processed right after the greeting"


def test_row_t17_continuous_speech_goes_on_after_the_greeting() -> None:
    line = speaking(protected=True).tell(SpeechStarted(560, 400), ReplyDrained(8_000, 1, DAY))
    line.tell(SpeechPaused(9_080, 9_000), heard(9_100, 9, ANSWERED)).wait_until(9_300)
    assert line.names == ["BeginUtterance", "TakeEager", "EndTurn"]


def test_row_t17_a_typed_answer_waits_for_the_end_of_the_greeting() -> None:
    line = speaking(protected=True).tell(AnswerTyped(2_000)).wait_until(5_000)
    assert line.log == []
    assert line.tell(ReplyDrained(8_000, 1, DAY)).log == [(8_000, EndTurn())]


def test_row_t24_a_protected_goodbye_is_played_to_its_end() -> None:
    line = asked(Played(), Asked("confirm")).tell(ReplyStarted(1_000, 2, protected=True))
    line.tell(VoicePossible(1_500), *spoken(1_450, 2_000), heard(2_150, 2), KeyPressed(2_500))
    assert line.wait_until(4_000).names == ["BeginUtterance"]


# --- a caller who talks on, and sound that never ends --------------------------------------------

LONGEST_MS = FloorSettings().longest_turn_ms
URGENT_MS = FloorSettings().urgent_turn_ms


def talking(*, words: int, until_ms: float, urgent: bool = False, from_ms: float = 1_000) -> Played:
    """One voice without a pause, whose hypotheses hold so many words."""
    line = asked(Played(), Asked("reason")).tell(SpeechStarted(from_ms + 160, from_ms))
    while (at_ms := from_ms + 5_000) < until_ms:
        line.tell(heard(at_ms, words, settled=False, urgent=urgent))
        from_ms = at_ms
    return line.wait_until(until_ms)


def test_a_caller_who_talks_on_is_answered_before_the_recogniser_stops_hearing() -> None:
    line = talking(words=9, until_ms=100_000)
    assert line.at(EndTurn) == [1_000 + LONGEST_MS]
    assert LONGEST_MS * 2 * RATE_HZ / 1_000 < _MAX_UTTERANCE_BYTES


def test_a_voice_of_which_no_word_is_understood_climbs_the_ladder_to_a_person() -> None:
    line, at_ms, epoch = asked(Played(), DAY), 1_000.0, 1
    while line.count(OfferPerson) == 0 and at_ms < 900_000:
        line.tell(SpeechStarted(at_ms + 160, at_ms), heard(at_ms + 1_000, 0, settled=False))
        line.wait_until(at_ms + LONGEST_MS)
        epoch += 1
        at_ms += LONGEST_MS + 3_000
        line.tell(ReplyStarted(at_ms - 2_900, epoch), ReplyDrained(at_ms, epoch, DAY))
    assert [action for _, action in line.log if isinstance(action, Reprompt | OfferPerson)] == [
        Reprompt(1, heard_something=True),
        Reprompt(2, heard_something=True),
        OfferPerson(),
    ]
    assert at_ms < 150_000


def test_pauses_too_short_to_end_a_turn_do_not_make_it_longer() -> None:
    """A radio: each pause goes on after 300 ms, and the words end in mid-phrase."""
    line = asked(Played(), Asked("reason"))
    for at_ms in range(1_000, 80_000, 4_000):
        line.tell(*spoken(at_ms, at_ms + 3_700), heard(at_ms + 3_800, 9, OPEN))
    assert line.at(EndTurn) == [pytest.approx(1_000 + LONGEST_MS, abs=500)]


def test_a_turn_that_is_reopened_again_and_again_is_answered_as_soon() -> None:
    line = asked(Played(), Asked("open"))
    for at_ms in range(1_000, 60_000, 3_000):  # a model that thinks longer than the pauses last
        line.tell(*spoken(at_ms, at_ms + 2_500), heard(at_ms + 2_600, 9))
    longest = pytest.approx(1_000 + LONGEST_MS, abs=500)
    assert line.at(ReopenTurn)[-1] == line.at(EndTurn)[-1] == longest


def test_what_is_said_to_a_caller_who_talks_on_is_heard_to_its_end() -> None:
    line = talking(words=9, until_ms=46_000)
    line.tell(SpeechStarted(46_300, 46_140), SpeechPaused(47_000, 46_900), SpeechResumed(47_100))
    line.tell(ReplyStarted(47_500, 2), VoicePossible(48_000), SpeechStarted(48_200, 48_040))
    line.tell(heard(49_000, 9, settled=False))
    kept = [name for name in line.names if name not in ("TakeEager", "WithdrawEager")]
    assert kept == ["BeginUtterance", "EndTurn", "BeginUtterance"], "nor reopened, nor interrupted"
    line.tell(ReplyDrained(50_000, 2, DAY), SpeechPaused(51_080, 51_000), heard(51_100, 9))
    line.wait_until(55_000)
    assert line.count(EndTurn) == 2, "what was said meanwhile is the next turn"
    line.tell(ReplyStarted(56_000, 3), SpeechStarted(57_160, 57_000))
    assert line.count(Interrupt) == 1, "and its answer can be interrupted as ever"


def test_dead_air_is_broken_though_the_caller_talks_on() -> None:
    line = talking(words=9, until_ms=46_000).tell(SpeechStarted(46_300, 46_140))
    dead_air_ms = FloorSettings().dead_air_ms
    assert line.wait_until(49_900).at(BreakSilence) == [1_000 + LONGEST_MS + dead_air_ms]


def test_words_without_a_hypothesis_are_not_thrown_away_unread() -> None:
    line = asked(Played(), DAY).tell(SpeechStarted(1_160, 1_000)).wait_until(46_500)
    assert line.names == ["BeginUtterance", "EndTurn"]


def test_urgent_words_are_answered_though_the_caller_talks_on() -> None:
    line = talking(words=9, until_ms=100_000, urgent=True)
    assert line.at(EndTurn) == [6_000 + URGENT_MS]


def test_breaths_between_urgent_words_do_not_put_off_their_answer() -> None:
    line = asked(Played(), Asked("reason"))
    for at_ms in range(1_000, 10_000, 3_000):
        line.tell(
            SpeechStarted(at_ms + 160, at_ms), heard(at_ms + 900, 5, settled=False, urgent=True)
        )
        line.tell(SpeechPaused(at_ms + 2_580, at_ms + 2_500), heard(at_ms + 2_600, 5, OPEN))
    assert line.at(EndTurn) == [7_160.0], "as soon as they go on after 5 s"


def test_urgent_words_that_are_taken_back_are_heard_out() -> None:
    line = asked(Played(), Asked("reason")).tell(SpeechStarted(1_160, 1_000))
    line.tell(heard(3_000, 4, settled=False, urgent=True), heard(7_900, 9, settled=False))
    assert line.wait_until(40_000).count(EndTurn) == 0


def test_a_key_may_still_reopen_a_turn_that_was_taken() -> None:
    line = talking(words=9, until_ms=46_500).tell(KeyPressed(47_000, completes=True))
    assert line.names == ["BeginUtterance", "EndTurn", "ReopenTurn", "EndTurn"]


def test_a_lost_line_does_not_make_a_turn_longer() -> None:
    line = asked(Played(), DAY).tell(SpeechStarted(1_160, 1_000), heard(2_000, 3, settled=False))
    line.tell(LineChanged(3_000, up=False), LineChanged(13_000, up=True)).wait_until(90_000)
    assert line.at(EndTurn) == [11_000 + LONGEST_MS]


# --- T25, T29: silence and speech that was not understood ----------------------------------------


@pytest.mark.parametrize(
    ("profile", "no_input_ms"), [(Profile.NORMAL, 7_000), (Profile.PATIENT, 12_000)]
)
def test_row_t29_silence_after_a_question_reprompts_twice_then_a_person(
    profile: Profile, no_input_ms: float
) -> None:
    question = Asked("day", profile=profile)
    line = asked(Played(), question)
    start_ms = 0.0
    for epoch in (2, 3, 4):
        line.wait_until(start_ms + no_input_ms + 1)
        start_ms += no_input_ms + 2_000
        asked(line, question, at_ms=start_ms, epoch=epoch)
    kept: list[Action] = [action for _, action in line.log]
    assert kept == [Reprompt(1, False), Reprompt(2, False), OfferPerson()]
    assert line.at(Reprompt)[0] == no_input_ms


def test_row_t25_speech_that_was_not_understood_reprompts_twice_then_a_person() -> None:
    line = asked(Played(), DAY)
    for turn in (1, 2, 3):
        at_ms = 5_000.0 * turn
        line.tell(*spoken(at_ms, at_ms + 1_000), heard(at_ms + 1_150, 0)).wait_until(at_ms + 2_000)
        asked(line, DAY, at_ms + 3_000, epoch=turn + 1)
    kept = [action for _, action in line.log if isinstance(action, Reprompt | OfferPerson)]
    assert kept == [Reprompt(1, True), Reprompt(2, True), OfferPerson()]


def test_row_t25_an_answer_starts_the_ladder_anew() -> None:
    line = asked(Played(), DAY).wait_until(7_000)
    asked(line, DAY, at_ms=8_000, epoch=2)
    line.tell(*spoken(9_000, 9_500), heard(9_600, 1, ANSWERED)).wait_until(9_800)
    asked(line, DAY, at_ms=11_000, epoch=3)
    assert list(line.wait_until(18_500).actions(Reprompt)) == [
        Reprompt(1, False),
        Reprompt(1, False),
    ]


def test_row_t25_a_cough_after_a_question_is_not_a_failed_answer() -> None:
    line = asked(Played(), DAY).tell(*spoken(1_000, 1_250), heard(1_400, 0)).wait_until(5_000)
    assert (line.count(DropUtterance), line.count(Reprompt)) == (1, 0)


# --- T27: backchannels ---------------------------------------------------------------------------


def test_row_t27_a_backchannel_while_we_speak_does_not_take_the_floor() -> None:
    line = (
        speaking().tell(*spoken(1_000, 1_300), heard(1_450, 1, backchannel=True)).wait_until(3_000)
    )
    assert (line.count(CommitInterrupt), line.count(ResumeReply), line.count(EndTurn)) == (0, 1, 0)


def test_row_t27_a_backchannel_answers_a_pending_question() -> None:
    line = asked(Played(), Asked("confirm"))
    line.tell(*spoken(1_000, 1_300), heard(1_400, 1, ANSWERED, backchannel=True)).wait_until(2_000)
    assert line.at(EndTurn) == [1_500.0]


def test_row_t27_without_a_question_a_backchannel_is_no_turn() -> None:
    line = asked(Played(), None)
    line.tell(*spoken(1_000, 1_300), heard(1_400, 1, backchannel=True)).wait_until(4_000)
    assert (line.count(EndTurn), line.count(DropUtterance)) == (0, 1)


def test_row_t27_the_question_of_an_earlier_turn_is_not_pending_while_we_speak() -> None:
    line = asked(Played(), Asked("confirm"))
    line.tell(*spoken(1_000, 1_300), heard(1_400, 1, ANSWERED, backchannel=True)).wait_until(1_600)
    line.tell(ReplyStarted(2_000, 2), *spoken(3_000, 3_300), heard(3_400, 1, backchannel=True))
    assert line.wait_until(4_000).count(CommitInterrupt) == 0


def test_row_t28_a_resumed_reply_can_be_interrupted_again() -> None:
    line = speaking().tell(*spoken(1_000, 1_300), heard(1_450, 0)).wait_until(1_700)
    line.tell(ReplyStarted(1_700, 2), *spoken(3_000, 3_500), heard(3_650, 2)).wait_until(4_000)
    kept = [
        n for n in line.names if n in ("Interrupt", "ResumeReply", "CommitInterrupt", "EndTurn")
    ]
    assert kept == ["Interrupt", "ResumeReply", "Interrupt", "CommitInterrupt", "EndTurn"]


# --- reopening, the hand, the line, dead air -----------------------------------------------------


def test_a_caller_who_goes_on_before_the_reply_is_heard_has_one_turn() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    line.wait_until(2_300).tell(*spoken(2_350, 3_000), heard(3_100, 3)).wait_until(3_500)
    kept = [n for n in line.names if n not in ("TakeEager", "BeginUtterance")]
    assert kept == ["EndTurn", "ReopenTurn", "EndTurn"]


def test_noise_after_a_turn_does_not_lose_its_words() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    line.wait_until(2_300).tell(*spoken(2_350, 2_600), heard(2_750, 0)).wait_until(3_500)
    assert line.count(EndTurn) == 2
    assert line.count(DropUtterance) == 0


def test_an_early_answer_is_judged_by_the_question_the_reply_was_about_to_ask() -> None:
    line = Played().tell(ReplyStarted(0, 1, asked=PHONE), SpeechStarted(1_160, 1_000))
    line.tell(SpeechPaused(2_080, 2_000), heard(2_150, 3, OPEN, digits=3)).wait_until(2_600)
    assert line.floor.asked == PHONE
    assert line.count(EndTurn) == 0


def test_a_key_interrupts_at_once_and_the_last_one_ends_the_turn() -> None:
    line = speaking().tell(KeyPressed(1_000), KeyPressed(1_200), KeyPressed(1_400, completes=True))
    assert line.names == ["Interrupt", "CommitInterrupt", "EndTurn"]


def test_a_cough_between_two_keys_is_not_asked_about() -> None:
    line = asked(Played(), PHONE).tell(KeyPressed(1_000), *spoken(1_200, 2_100), heard(2_200, 0))
    line.tell(KeyPressed(6_000), KeyPressed(6_200, completes=True))
    assert line.names == ["BeginUtterance", "TakeEager", "DropUtterance", "EndTurn"]


def test_speech_that_is_not_understood_long_after_a_key_is_asked_about() -> None:
    line = asked(Played(), PHONE).tell(KeyPressed(1_000), *spoken(6_500, 8_300), heard(8_400, 0))
    assert line.wait_until(12_000).actions(Reprompt) == [Reprompt(1, heard_something=True)]


def test_a_key_restarts_the_silence_timer() -> None:
    line = asked(Played(), PHONE).tell(KeyPressed(6_000)).wait_until(12_999)
    assert line.count(Reprompt) == 0
    assert line.wait_until(13_000).at(Reprompt) == [13_000.0]


def test_timers_stand_still_while_the_line_is_down() -> None:
    line = asked(Played(), DAY).tell(LineChanged(5_000, up=False))
    assert line.floor.next_due_ms is None
    line.tell(TimerDue(30_000), LineChanged(40_000, up=True)).wait_until(60_000)
    assert line.at(Reprompt)[0] == 42_000.0


def test_dead_air_is_broken_after_3_s_and_handed_to_a_person_in_the_end() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    line.wait_until(60_000)
    assert line.at(BreakSilence) == [5_200.0, 8_200.0, 11_200.0]
    assert line.at(OfferPerson) == [14_200.0]


def test_a_waiting_sentence_leaves_the_reply_promised() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    line.wait_until(5_200).tell(ReplyStarted(5_250, 2, filler=True), ReplyDrained(6_000, 2))
    assert line.floor.held_by is HeldBy.PENDING
    assert line.wait_until(9_500).at(BreakSilence) == [5_200.0, 9_000.0]


def test_an_abandoned_reply_is_still_owed() -> None:
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), heard(2_100, 4))
    line.tell(ReplyAbandoned(3_000)).wait_until(6_000)
    assert line.at(BreakSilence) == [5_200.0]


def test_the_eager_transcript_is_taken_at_each_pause_and_withdrawn_when_the_caller_goes_on() -> (
    None
):
    line = asked(Played(), Asked("open")).tell(*spoken(1_000, 2_000), SpeechResumed(2_120))
    assert line.names == ["BeginUtterance", "TakeEager", "WithdrawEager"]
    assert line.actions(TakeEager) == [TakeEager()]
    assert line.count(ReopenTurn) == 0


# --- words that another recogniser hears again ---------------------------------------------------


def test_words_that_come_late_end_the_turn_at_once_and_silence_is_ours_to_break() -> None:
    line = asked(Played(), DAY).tell(*spoken(1_000, 2_000), WordsLate(3_300))
    assert line.at(EndTurn) == [3_300]
    assert line.wait_until(7_000).at(BreakSilence) == [6_300]
    assert line.count(DropUtterance) == 0


def test_words_that_come_late_take_the_floor_from_nobody_who_speaks() -> None:
    line = asked(Played(), DAY).tell(
        *spoken(1_000, 2_000), SpeechResumed(3_200), WordsLate(3_300), WordsLate(3_400)
    )
    assert line.count(EndTurn) == 0
    silent = asked(Played(), DAY).tell(WordsLate(3_300))
    assert silent.count(EndTurn) == 0
    speaking = Played().tell(ReplyStarted(0, 1), *spoken(1_000, 2_000), WordsLate(2_100))
    assert speaking.count(EndTurn) == 0
