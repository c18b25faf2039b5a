"""What the server needs from an engine, and nothing about any engine in particular.

The pipeline knows models only through these Protocols; `pipeline.app` alone names a concrete one.
All audio is 16-bit little-endian mono PCM; all times inside audio are sample counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # who only talks of words, as the check of the configuration does, needs no numpy
    import numpy as np
    from numpy.typing import NDArray

LISTEN_RATE_HZ = 16_000
"""Every recogniser and detector listens at this rate."""

Language = Literal["en", "es"]


@dataclass(frozen=True, slots=True, repr=False)
class Spoken:
    """Raw words of a caller (or typed by one): never logged, never in a `repr`."""

    text: str

    def __repr__(self) -> str:
        """Show the length only."""
        return f"Spoken({len(self.text)} characters)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """True when there is at least one word."""
        return bool(self.text.strip())


@dataclass(frozen=True, slots=True, repr=False)
class Keyed:
    """Keypad digits: never words, never a model's input; read back by the last two at most."""

    digits: str

    def __repr__(self) -> str:
        """Show the count only."""
        return f"Keyed({len(self.digits)} keys)"

    __str__ = __repr__

    @property
    def last_two(self) -> str:
        """The only digits that may be spoken back."""
        return self.digits[-2:]


# --- hearing -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser believes was said."""

    text: Spoken
    alternatives: tuple[Spoken, ...] = ()
    """Other hypotheses, best first, where the engine has them: urgent phrases are looked for in all."""
    confidence: float | None = None
    language: Language | None = None
    """What the call is in, once the engine knows."""


class Recognizer(Protocol):
    """One call's ear. Utterances come one after another, never two at once."""

    def expect(self, answer: str | None) -> None:
        """Say what kind of answer was asked for ("digits", "yes_no", "name", "day", ...): a hint the engine may use."""

    def begin(self) -> None:
        """Start an utterance: its pre-roll is fed first. An unfinished one is discarded."""

    def feed(self, pcm: bytes) -> None:
        """Take any amount of 16 kHz PCM; returns at once."""

    async def hypothesis(self) -> Transcript:
        """Text so far; may change. Cheap: callers may ask every 200 ms."""

    async def settle(self) -> Transcript:
        """Best answer for all audio fed so far. Feeding may go on: the utterance is taken up again.

        Raises EngineFailed; or EngineChanged, when asking once more brings the words later.
        """

    def discard(self) -> None:
        """Drop the utterance: it was noise."""

    async def close(self) -> None:
        """Give the slot back."""


class SpeechToText(Protocol):
    """The engine that lends ears to calls."""

    async def start(self) -> None:
        """Load and warm up; raises EngineUnavailable naming what is missing."""

    async def open(self) -> Recognizer:
        """Reserve a slot for one call; raises EngineBusy when none is free."""

    def free_slots(self) -> int:
        """How many more calls can be opened now; 0 once it has failed for good."""

    async def broken(self) -> None:
        """Return once it has failed for good: no call is heard until this process is replaced."""

    async def stop(self) -> None:
        """End every child and thread."""


class VoiceStream(Protocol):
    """Voice activity of one call: carries the recurrent state."""

    def probability(self, window: NDArray[np.float32]) -> float:
        """Probability of speech in a window of `window_samples` samples in -1..1, valid during the call only."""

    def reset(self) -> None:
        """Forget the past (a long silence was skipped)."""


class VoiceActivity(Protocol):
    """One shared detector; each call opens a stream."""

    window_samples: int

    def open(self) -> VoiceStream:
        """A stream of its own for one call."""


class TurnCompletion(Protocol):
    """Guesses from sound whether the caller has finished."""

    async def probability(self, pcm: bytes) -> float:
        """Probability that the turn in the last 8 s of 16 kHz PCM is complete."""


# --- thinking ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class ChatMessage:
    """One message of the conversation as the language model sees it."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """What the assistant asked for in this message; each is answered by one tool message."""
    tool_call_id: str = ""
    """Of a tool message: the call it answers."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may call: name, purpose and JSON Schema of the arguments, which the engine must enforce."""

    name: str
    description: str
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True, repr=False)
class ReplyRequest:
    """All that a reply may depend on."""

    reply_id: str
    """Minted by the caller of the port; `confirm` names it."""
    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    alternatives: tuple[Spoken, ...] = ()
    """Other hypotheses of the last user message: for the receptionist's own reader only."""
    typed: bool = False
    """The last user message was typed: nothing in it was misheard."""
    temperature: float = 0.3
    conversation: str = ""
    """Minted per call: what a server remembers of a conversation's beginning is of use to its next reply."""
    tool_choice: Literal["auto", "none"] = "auto"
    """"none": the tools are shown, so that the beginning of the prompt stays the same, and may not be called."""
    speculative: bool = False
    """The turn may not be over: replies that somebody waits for come first."""
    answer_schema: Mapping[str, object] | None = None
    """The whole answer must be JSON of this schema: it is read, not spoken."""
    max_tokens: int | None = None
    """None: the engine's own limit."""


@dataclass(frozen=True, slots=True, repr=False)
class TextDelta:
    """The next piece of text to be spoken."""

    text: str


@dataclass(frozen=True, slots=True, repr=False)
class ToolCall:
    """The model asks for a tool; never executed before the turn is confirmed."""

    call_id: str
    name: str
    arguments_json: str


ReplyEvent = TextDelta | ToolCall


class LanguageModel(Protocol):
    """Streams a reply. Being asked changes nothing: only `confirm` may change state."""

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream the reply; closing the iterator stops the work. Raises EngineFailed."""

    def confirm(self, reply_id: str) -> None:
        """The turn behind this reply is real: a model that keeps state advances it now."""


# --- speaking ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WordTiming:
    """Where a word lies in the audio of one synthesis, in samples from its first sample."""

    word: str = field(repr=False)
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """The next piece of synthesised audio, with the words that begin in it."""

    pcm: bytes = field(repr=False)
    words: tuple[WordTiming, ...]


class TextToSpeech(Protocol):
    """A voice."""

    sample_rate_hz: int

    async def start(self) -> None:
        """Load and warm up; raises EngineUnavailable naming what is missing."""

    def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        """Stream audio of one clause or sentence; closing the iterator stops within 20 ms."""

    async def stop(self) -> None:
        """Give back threads and memory."""
