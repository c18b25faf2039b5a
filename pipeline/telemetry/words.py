"""The one way for words into the event log: closed by default, and with a redactor behind it where it is open.

With `[log] text = "off"` a `free_text` event says where text would have stood, how long it was and how many
words it had. With "redacted" the text passes the redactor that the composition root plugged in. Whatever goes
wrong (none plugged in, an exception, a text too long) leaves a count and never the text. This file refuses to
know how a redactor works. Words of a call (what was heard, said, typed, keyed, asked of a model) never come
here at any setting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from pipeline.telemetry.events import Event, Redacted, Token, emit

Redact = Callable[[str], tuple[str, Mapping[str, int]]]
"""Text in; text without identifiers, and how many of each type were taken out."""

TEXT_CHARACTERS_MAX = 8_192
"""A longer text is not looked at: it is a dump of something, and no redactor has to read it in time."""
SHOWN_CHARACTERS_MAX = 600
"""At most so much of the redacted text is written: one line stays under PIPE_BUF, escapes included."""
MODES = ("off", "redacted")


class FreeText(Event):
    """Somebody wanted to write a sentence."""

    where: Token
    """The module that wanted to."""
    characters: int
    words: int
    redactions: int | None
    """None: no redactor has seen the text."""
    failed: bool
    """Words were allowed and the redactor did not deliver: the text is dropped."""
    text: Redacted | None


class _Gate:
    """What the settings allow, and the redactor, for this process."""

    def __init__(self) -> None:
        self.mode = "off"
        self.redact: Redact | None = None
        self.failures = 0
        self.inside = threading.local()


_gate = _Gate()


def allow(mode: str) -> None:
    """Set what `[log] text` says; anything but "redacted" is off."""
    _gate.mode = mode if mode in MODES else "off"


def plug(redact: Redact | None) -> None:
    """Give this process its redactor; until then words stay out even where they are allowed."""
    _gate.redact = redact


def allowed() -> bool:
    """Whether the settings allow redacted words: callers need not format a message otherwise."""
    return _gate.mode == "redacted"


def redactor_failures() -> int:
    """How often words were allowed and could not be cleaned."""
    return _gate.failures


def say(where: str, text: str) -> FreeText:
    """Count these words, and write them redacted where that is allowed. Never raises. Returns what was said."""
    shown, redactions, failed = _clean(text) if allowed() else (None, None, False)
    event = FreeText(
        where=Token(where),
        characters=len(text),
        words=len(text[:TEXT_CHARACTERS_MAX].split()),
        redactions=redactions,
        failed=failed,
        text=shown,
    )
    emit(event)
    return event


def _clean(text: str) -> tuple[Redacted | None, int | None, bool]:
    redact = _gate.redact
    if redact is None or len(text) > TEXT_CHARACTERS_MAX or getattr(_gate.inside, "now", False):
        _gate.failures += 1
        return None, None, True
    _gate.inside.now = True  # a redactor that logs must not be asked about its own words
    try:
        cleaned, taken = redact(text)
        return Redacted(cleaned[:SHOWN_CHARACTERS_MAX]), sum(taken.values()), False
    except Exception:  # noqa: BLE001  # fail closed, whatever the redactor raised: its text may quote the caller
        _gate.failures += 1
        return None, None, True
    finally:
        _gate.inside.now = False
