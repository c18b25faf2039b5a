"""What one call is made of: opened and chosen by the composition root, used and closed by the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from models.ports import Language, Recognizer, TextToSpeech, TurnCompletion, VoiceStream
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.listen import EvidenceOf
from pipeline.call.paused import Unserved
from pipeline.call.reach import Reach
from pipeline.call.request import NothingKept, RequestSink
from pipeline.call.sensitive import OnSensitive, nobody
from pipeline.call.settings import CallSettings
from pipeline.call.taping import Permission
from pipeline.call.tracing import CallTrace
from pipeline.clock import today
from pipeline.turn.completeness import evidence
from pipeline.turn.settings import FloorSettings


@dataclass(frozen=True, slots=True)
class CallParts:
    """What one call is made of; the composition root opens the engines' parts, the call closes them."""

    recognizer: Recognizer
    voice_stream: VoiceStream
    window_samples: int
    tts: TextToSpeech
    receptionist: Callable[[Desk], Receptionist]
    turn_completion: TurnCompletion | None = None
    record: RequestSink = field(default_factory=NothingKept)
    settings: CallSettings = field(default_factory=CallSettings)
    floor: FloorSettings = field(default_factory=FloorSettings)
    language: Language = "en"
    sample_rate_hz: int = 48_000
    """Of the line: 48 kHz for WebRTC, 8 kHz for G.711."""
    evidence_of: EvidenceOf = evidence
    today: Callable[[], date] = today
    recording: Permission | None = None
    """Where the practice records: callers are asked."""
    reach: Reach = field(default_factory=Reach)
    """The configured ladders; a door that cannot transfer leaves them unused."""
    transfer_limit_ms: float = 40_000.0
    """A door that has not said by then what became of a transfer has lost it."""
    unserved: Unserved = field(default_factory=Unserved)
    """What callers hear while the emergency switch is thrown."""
    trace: CallTrace | None = None
    """Where the practice keeps what turn-taking decided."""
    on_sensitive: OnSensitive = nobody
    """Told from when to when the call may not be recorded."""
