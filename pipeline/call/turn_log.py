"""Counts the turns of a call and reports each one's stages once: to the page, the live view and the log."""

from __future__ import annotations

from pipeline.call.events import TurnEnded
from pipeline.call.network import Network
from pipeline.call.page import Page
from pipeline.clock import Clock
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.marks import Mark, TurnMarks


class TurnLog:
    """The number and the timeline of the present turn."""

    def __init__(self, call_id: str, page: Page, network: Network, clock: Clock) -> None:
        """Before the first turn."""
        self.turn = 0
        self._call_id = call_id
        self._page = page
        self._network = network
        self._clock = clock
        self._marks = TurnMarks(0)
        self._reported = True

    def begin_utterance(self) -> None:
        """The caller begins what may become the next turn."""
        self._marks = TurnMarks(self.turn + 1)

    def answered_by_hand(self) -> None:
        """The turn was keyed or typed: its last sample is now."""
        self.begin_utterance()
        self._marks.speech_ended(self._clock.now_ms())
        self.mark(Mark.DECISION)

    def paused(self, since_ms: float) -> None:
        """The caller's last sample may have been this one."""
        self._marks.speech_ended(since_ms)
        self.mark(Mark.PAUSE_SEEN)

    def resumed(self) -> None:
        """The caller went on: what was made of the pause does not count."""
        self._marks.restart(*Mark)

    def mark(self, stage: Mark) -> None:
        """A stage is reached now."""
        self._marks.mark(stage, self._clock.now_ms())

    def take_turn(self) -> None:
        """The caller's turn is over and will be answered."""
        self.turn += 1
        self._reported = False

    def give_back(self) -> None:
        """The turn was reopened: it is not over after all."""
        self.turn -= 1
        self._reported = True

    def report(self, *, interrupted: bool) -> None:
        """Say how long the stages took, once a turn."""
        if self._reported:
            return
        self._reported = True
        marks = self._marks
        timeline_ms = marks.timeline_ms()
        self._page.turn_timed(self.turn, timeline_ms, interrupted=interrupted)
        detect_ms = self._network.turn(timeline_ms)
        emit(
            TurnEnded(
                Token(self._call_id),
                self.turn,
                pause_seen_ms=marks.after_speech_ms(Mark.PAUSE_SEEN),
                eager_text_ms=marks.after_speech_ms(Mark.EAGER_TEXT),
                decision_ms=marks.after_speech_ms(Mark.DECISION),
                final_text_ms=marks.after_speech_ms(Mark.FINAL_TEXT),
                first_token_ms=marks.after_speech_ms(Mark.FIRST_TOKEN),
                first_clause_ms=marks.after_speech_ms(Mark.FIRST_CLAUSE),
                first_audio_ms=marks.after_speech_ms(Mark.FIRST_AUDIO),
                first_sample_ms=marks.after_speech_ms(Mark.FIRST_SAMPLE_OUT),
                detect_ms=detect_ms,
                interrupted=interrupted,
                told_ms=marks.since_speech_ms(self._clock.now_ms()),
            )
        )
