"""What can go wrong with an engine.

EngineError
├── EngineBusy          every slot is taken: refuse the call before it is answered (try again later)
├── EngineUnavailable   a model file or library is missing or broken (give up, name the file)
├── EngineChanged       another engine has taken over and is still at it (ask once more, and wait longer)
└── EngineFailed        one request failed: say a fallback sentence, keep the call (try again)

No exception carries what was said, read or generated.
"""

from __future__ import annotations


class EngineError(Exception):
    """The root: `code` is stable and safe to log."""

    code = "engine_error"


class EngineBusy(EngineError):
    """Every decoder or session slot is in use."""

    code = "engine_busy"


class EngineUnavailable(EngineError):
    """The engine cannot start; the message names the missing file or library and the setting."""

    code = "engine_unavailable"


class EngineChanged(EngineError):
    """The engine failed and its spare does the work again; it needs longer than a request may take."""

    code = "engine_changed"


class EngineFailed(EngineError):
    """One request failed; the engine may still serve the next."""

    code = "engine_failed"

    def __init__(self, *words: str, code: str = "engine_failed") -> None:
        """A sentence of ours, and a narrower code where there is one."""
        super().__init__(*words)
        self.code = code
