"""One call's recording as the call sees it: the consent is asked here, and both channels are handed on.

A frame is kept only between a plain yes and whatever ends it; in sensitive times none is. Knows the consent's
rules and the recorder as given; what is said to the caller is `consenting`'s affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, assert_never

import numpy as np

from models.ports import LISTEN_RATE_HZ
from pipeline.call.flow import Flow
from pipeline.call.page import Page
from pipeline.call.words import words
from pipeline.clock import Clock
from pipeline.media.resample import Decimator, Resampler
from pipeline.recording.consent import (
    OPT_OUT_KEY,
    Action,
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
    StartRecording,
    plain_words,
)
from pipeline.recording.recorder import Status
from pipeline.telemetry.events import Event, Token, emit


class ConsentAnswered(Event):
    """What came back to the notice: given, refused, withdrawn, none."""

    call_id: Token
    answer: Token


class Tape(Protocol):
    """One recording that runs; every method returns at once. `pipeline.recording.recorder.Recorder` is one."""

    @property
    def status(self) -> Status:
        """Whether it still records."""

    def heard(self, at_ms: float, pcm: bytes) -> None:
        """A frame of the caller's."""

    def sent(self, at_ms: float, pcm: bytes) -> None:
        """A frame of ours."""

    def pause(self) -> None:
        """Keep nothing from now on."""

    def resume(self) -> None:
        """Keep again."""

    def end(self) -> None:
        """Keep nothing any more."""


AnyTape = TypeVar("AnyTape", bound=Tape)


class Tapes(Protocol[AnyTape]):
    """Makes and ends recordings off the loop; `pipeline.recording.keeper.Keeper` does."""

    async def begin(
        self, call_id: str, now_ms: Callable[[], float], agent_at_rate: Callable[[bytes], bytes]
    ) -> AnyTape | None:
        """A recording that runs; None when there can be none."""

    async def finish(self, recorder: AnyTape) -> None:
        """Return when the file is whole."""

    async def destroy(self, recorder: AnyTape) -> bool:
        """Destroy it for good; False when that failed."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a call needs where the practice records."""

    tapes: Tapes[Any]
    opt_out: OptOut
    flow: Flow
    """For the words of the notice, and for what is heard before it: urgent words."""


class Taping:
    """One call's consent and recording."""

    def __init__(
        self,
        call_id: str,
        permission: Permission | None,
        line_rate_hz: int,
        page: Page,
        clock: Clock,
    ) -> None:
        """Nothing is recorded; without a permission nothing ever is."""
        self._call_id = call_id
        self._tapes = permission.tapes if permission else None
        self._line_rate_hz = line_rate_hz
        self._page = page
        self._clock = clock
        self._notices: tuple[tuple[str, ...], ...] = ()
        if permission is not None:
            lines = permission.flow.lines
            self._notices = tuple(
                plain_words(permission.flow.say(line))
                for line in (lines.recording_notice, lines.recording_again)
            )
        opt_out = permission.opt_out if permission else OptOut(())
        self.consent = Consent(ask=permission is not None, opt_out=opt_out)
        self.untold = ""
        """An answer that came outside a turn, for the next words of ours to confirm."""
        self.heard_whole = False
        """The notice was heard to its end once: asking again may be short."""
        self.answer_counts = False
        """The utterance began after the last word of the notice."""
        self._tasks: asyncio.TaskGroup | None = None
        self._recorder: Tape | None = None
        self._sensitive = False
        self._shown = ""

    @property
    def runs(self) -> bool:
        """True while the caller is being recorded, and agreed to it."""
        recorder = self._recorder
        return recorder is not None and recorder.status == "recording" and self.consent.may_record

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Own no task outside this group."""
        self._tasks = tasks

    # --- consent ---------------------------------------------------------------------------------

    def on(self, happening: Happening) -> bool:
        """Tell the consent, do what follows; True when the notice must be said."""
        say = False
        for action in self.consent.on(happening):
            say = self._perform(action) or say
        return say

    def utterance_begins(self) -> None:
        """The caller begins to say or type something."""
        self.answer_counts = self.consent.state == "asked"

    def overheard(self, text: str) -> None:
        """Words of the caller, final or not: a refusal counts the moment it is heard."""
        spoken = words(text)
        if self.consent.state != "off" and self.consent.opted_out(spoken):
            self.on(Heard(spoken))

    def star(self) -> bool:
        """The key that means no at any time; True when that changed something."""
        before = self.consent.state
        self.on(KeyPressed(OPT_OUT_KEY))
        return self.consent.state != before

    def said(self, heard_text: str) -> None:
        """A reply of ours was heard to its end."""
        if self.consent.state != "to_say":
            return
        heard = plain_words(heard_text)
        notices = self._notices if self.heard_whole else self._notices[:1]
        if any(_within(notice, heard) for notice in notices):
            self.heard_whole = True
            self.on(NoticeSaid())

    def cut(self, text: str) -> None:
        """A reply of ours was cut; `text` is all it would have said."""
        begun = plain_words(text)
        if self.consent.state == "to_say" and any(_meet(each, begun) for each in self._notices):
            self.on(NoticeCut())

    def reconnected(self) -> bool:
        """The line came back; True when the notice must be said anew."""
        return self.on(Reconnected())

    def _perform(self, action: Action) -> bool:
        match action:
            case SayNotice():
                return True
            case StartRecording():
                if self._tasks is not None:
                    self._tasks.create_task(self._begin(), name=f"recording-{self._call_id}")
            case DestroyRecording():
                self._stop_now()
            case NoteConsent(answer):
                self.untold = self.consent.state
                emit(ConsentAnswered(Token(self._call_id), Token(answer)))
                self._page.consent(answer)
            case _:
                assert_never(action)
        return False

    # --- sound -----------------------------------------------------------------------------------

    def heard(self, frame: bytes, at_ms: float) -> None:
        """20 ms of the caller, as the recogniser gets them: silent while a key sounds."""
        recorder = self._recorder
        if recorder is not None:
            recorder.heard(at_ms, frame)
            if recorder.status == "dropped":
                self._show("lost")

    def sent(self, at_ms: float, pcm: bytes) -> None:
        """A frame of ours that was really sent."""
        if self._recorder is not None:
            self._recorder.sent(at_ms, pcm)

    def sensitive(self, active: bool) -> None:
        """Sensitive input begins or is over: its span is absent from the recording."""
        self._sensitive = active
        recorder = self._recorder
        if recorder is None or recorder.status not in ("recording", "paused"):
            return
        if active:
            recorder.pause()
        else:
            recorder.resume()
        self._show("paused" if active else "on")

    # --- begin and end ---------------------------------------------------------------------------

    async def _begin(self) -> None:
        if self._tapes is None:
            return
        recorder = await self._tapes.begin(
            self._call_id, self._clock.now_ms, _to_listen_rate(self._line_rate_hz)
        )
        if recorder is None:
            self._show("lost")
            return
        self._recorder = recorder
        if not self.consent.may_record:  # withdrawn while the file was made
            self._stop_now()
            return
        self._show("on")
        if self._sensitive:
            self.sensitive(True)

    def _stop_now(self) -> None:
        """Keep no frame from here on; the file goes at once, or at the call's end at the latest."""
        if self._recorder is None:
            return
        self._recorder.end()
        if self._tasks is not None:
            self._tasks.create_task(self._destroy(), name=f"destroying-{self._call_id}")

    async def _destroy(self) -> None:
        recorder = self._recorder
        if recorder is None or self._tapes is None:
            return
        if await self._tapes.destroy(recorder):
            self._recorder = None
            self._show("destroyed")

    async def end(self) -> None:
        """The call is over: the file is whole, or gone, when this returns."""
        self._tasks = None
        recorder = self._recorder
        if recorder is None or self._tapes is None:
            return
        if not self.consent.may_record:
            await self._destroy()
            return
        recorder.end()
        self._recorder = None
        await self._tapes.finish(recorder)
        self._show("off" if recorder.status == "ended" else "lost")

    def _show(self, state: str) -> None:
        if state != self._shown:
            self._shown = state
            self._page.recording(state)


def _to_listen_rate(line_rate_hz: int) -> Callable[[bytes], bytes]:
    if line_rate_hz != 3 * LISTEN_RATE_HZ:
        return Resampler(line_rate_hz, LISTEN_RATE_HZ).feed
    decimator = Decimator(line_rate_hz)

    def decimate(pcm: bytes) -> bytes:
        return decimator.feed(np.frombuffer(pcm, dtype="<i2")).tobytes()

    return decimate


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _meet(notice: tuple[str, ...], said: tuple[str, ...]) -> bool:
    """Whether these words hold the notice, or end within it."""
    if _within(notice, said):
        return True
    return any(said[-count:] == notice[:count] for count in range(3, len(notice)))
