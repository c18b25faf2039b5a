"""What no order of events may break."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.turn.events import (
    AnswerTyped,
    Asked,
    CommitInterrupt,
    Completeness,
    CompletionGuessed,
    DropUtterance,
    Duck,
    EndTurn,
    Event,
    Evidence,
    Interrupt,
    KeyPressed,
    LineChanged,
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
    WordsHeard,
    WordsLate,
)
from pipeline.turn.floor import Floor
from pipeline.turn.standing import HeldBy

QUESTIONS = st.sampled_from(
    [None, Asked("day"), Asked("phone", digits=10), Asked("open", profile=Profile.PATIENT)]
)


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[float, str, dict[str, object]]]:
    """Gaps, kinds and details; instants and epochs are filled in when they are played."""
    kinds = st.sampled_from(
        [
            "possible",
            "unconfirmed",
            "started",
            "paused",
            "resumed",
            "words",
            "late",
            "guess",
            "speak",
            "protected",
            "filler",
            "drained",
            "abandoned",
            "key",
            "full",
            "typed",
            "down",
            "up",
            "wait",
            "wait",
            "wait",
        ]
    )
    gaps = st.one_of(st.floats(0, 500), st.floats(0, 9_000), st.floats(0, 60_000))
    return [
        (
            draw(gaps),
            draw(kinds),
            {
                "words": draw(st.integers(0, 4)),
                "completeness": draw(st.sampled_from(Completeness)),
                "digits": draw(st.integers(0, 10)),
                "flag": draw(st.booleans()),
                "settled": draw(st.booleans()),
                "urgent": draw(st.booleans()),
                "probability": draw(st.floats(0, 1)),
                "asked": draw(QUESTIONS),
            },
        )
        for _ in range(draw(st.integers(1, 40)))
    ]


def _event(kind: str, at_ms: float, epoch: int, detail: dict[str, object]) -> Event:
    asked = detail["asked"]
    assert asked is None or isinstance(asked, Asked)
    words, digits = detail["words"], detail["digits"]
    completeness, probability = detail["completeness"], detail["probability"]
    assert isinstance(words, int)
    assert isinstance(digits, int)
    assert isinstance(completeness, Completeness)
    assert isinstance(probability, float)
    evidence = Evidence(
        words,
        completeness,
        digits,
        bool(detail["flag"]) and words > 0,
        bool(detail["settled"]),
        bool(detail["urgent"]) and words > 0,
    )
    events: dict[str, Event] = {
        "possible": VoicePossible(at_ms),
        "unconfirmed": VoiceUnconfirmed(at_ms),
        "started": SpeechStarted(at_ms, at_ms - 160),
        "paused": SpeechPaused(at_ms, at_ms - 80),
        "resumed": SpeechResumed(at_ms),
        "words": WordsHeard(at_ms, evidence),
        "late": WordsLate(at_ms),
        "guess": CompletionGuessed(at_ms, probability),
        "speak": ReplyStarted(at_ms, epoch, asked=asked),
        "protected": ReplyStarted(at_ms, epoch, protected=True),
        "filler": ReplyStarted(at_ms, epoch, filler=True),
        "drained": ReplyDrained(at_ms, epoch, asked),
        "abandoned": ReplyAbandoned(at_ms),
        "key": KeyPressed(at_ms),
        "full": KeyPressed(at_ms, completes=True),
        "typed": AnswerTyped(at_ms),
        "down": LineChanged(at_ms, up=False),
        "up": LineChanged(at_ms, up=True),
        "wait": TimerDue(at_ms),
    }
    return events[kind]


@settings(max_examples=150, deadline=None)
@given(steps())
def test_no_order_of_events_breaks_a_promise_of_the_floor(
    played: list[tuple[float, str, dict[str, object]]],
) -> None:
    floor = Floor()
    now_ms = 0.0
    epoch = 0
    watch = _Promises()
    for gap_ms, kind, detail in played:
        target_ms = now_ms + gap_ms
        woken = 0
        while (due := floor.next_due_ms) is not None and due <= target_ms:
            assert due > now_ms or woken == 0, "the floor asks again for an instant that has passed"
            now_ms = max(now_ms, due)
            watch.see(floor.on(TimerDue(now_ms)))
            woken += 1
            assert woken < 100, "the floor spins"
        now_ms = target_ms
        if kind in ("speak", "protected", "filler"):
            epoch += 1
        was_protected = watch.protected
        actions = floor.on(_event(kind, now_ms, epoch, detail))
        if kind == "protected":
            watch.protected = True
        elif kind in ("speak", "filler", "drained", "abandoned"):
            watch.protected = False
        if kind in ("speak", "protected", "filler", "drained", "abandoned"):
            watch.owed = False
        if was_protected and watch.protected:
            assert not any(isinstance(action, Interrupt | Duck) for action in actions)
        watch.see(actions)
        due = floor.next_due_ms
        assert due is None or due > now_ms, "what is due is done in the same call"
    assert watch.parked == (floor.held_by is HeldBy.CONTESTED)


class _Promises:
    """Follows the actions and fails on the first broken promise."""

    def __init__(self) -> None:
        self.parked = False
        self.ducked = False
        self.utterance = False
        self.eager = False
        self.owed = False
        self.protected = False

    def see(self, actions: tuple[object, ...]) -> None:  # noqa: C901  # one case a promise
        for action in actions:
            match action:
                case Interrupt():
                    assert not self.parked, "every Interrupt is settled before the next"
                    self.parked = True
                case CommitInterrupt() | ResumeReply():
                    assert self.parked, "exactly one CommitInterrupt or ResumeReply an Interrupt"
                    self.parked = False
                case Duck():
                    assert not self.ducked
                    self.ducked = True
                case Unduck():
                    assert self.ducked
                    self.ducked = False
                case TakeEager():
                    assert self.utterance
                    self.eager = True
                case WithdrawEager():
                    assert self.eager, "nothing is withdrawn that was not taken"
                    self.eager = False
                case DropUtterance():
                    assert self.utterance
                    self.utterance = self.eager = False
                case EndTurn():
                    assert not self.parked, "no turn ends while a reply waits for its verdict"
                    assert not self.owed, "a turn ends once, until it is reopened or answered"
                    self.utterance = self.eager = False
                    self.owed = True
                case ReopenTurn():
                    self.owed = False
                case Reprompt():
                    assert not self.parked
                case _:
                    if type(action).__name__ == "BeginUtterance":
                        assert not self.utterance, "two utterances never overlap"
                        self.utterance = True
