"""Keeps a model's thinking out of what it says: `<think>...</think>` is never text of a reply.

Text in pieces goes in, the text that may be spoken comes out. Knows no wire format and no conversation.
"""

from __future__ import annotations

import re

_OPENING = re.compile(r"<\s*(think|thinking|reasoning)\s*>", re.IGNORECASE)
_CLOSING = re.compile(r"<\s*/\s*(think|thinking|reasoning)\s*>", re.IGNORECASE)
_LONGEST_TAG = 24
"""Characters: whatever is longer is no tag of these."""


class ThinksAloud(Exception):
    """A thought ended that never began: what was said so far was the thought."""


class ThoughtFilter:
    """One reply's."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._held = ""
        self._thinking = False

    @property
    def thinking(self) -> bool:
        """True inside a thought."""
        return self._thinking

    def push(self, text: str) -> str:
        """The part of the text that is sure to be said; the beginning of what may be a tag waits."""
        if not self._held and not self._thinking and "<" not in text:
            return text
        self._held += text
        out = []
        while self._held:
            if self._thinking:
                closing = _CLOSING.search(self._held)
                if closing is None:
                    self._held = self._held[-_LONGEST_TAG:]
                    break
                self._held, self._thinking = self._held[closing.end() :], False
                continue
            opening = _OPENING.search(self._held)
            closing = _CLOSING.search(
                self._held, 0, opening.start() if opening else len(self._held)
            )
            if closing is not None:
                raise ThinksAloud
            if opening is None:
                said = self._sure()
                out.append(self._held[:said])
                self._held = self._held[said:]
                break
            out.append(self._held[: opening.start()])
            self._held, self._thinking = self._held[opening.end() :], True
        return "".join(out)

    def flush(self) -> str:
        """What is left at the end of a reply; an unfinished thought is nothing."""
        left, self._held = self._held, ""
        return "" if self._thinking else left

    def _sure(self) -> int:
        at = self._held.rfind("<")
        if at < 0 or ">" in self._held[at:] or len(self._held) - at > _LONGEST_TAG:
            return len(self._held)
        return at
