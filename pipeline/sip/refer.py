"""Leading a caller to a person by REFER: what its answer and the NOTIFYs of the carrier mean (RFC 3515).

A calculation: the call sends and times, this decides.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from pipeline.sip.digest import CHALLENGED
from pipeline.sip.ports import TransferOutcome
from pipeline.transfer import forbidden

KEPT_MAX = 8
"""A ladder has no more steps worth remembering."""
_FRAGMENT = re.compile(rb"\s*SIP/2\.0[ \t]+([1-6][0-9]{2})\b")
_ID = re.compile(r";\s*id\s*=\s*([0-9]{1,10})\s*(?:;|\Z)", re.ASCII | re.IGNORECASE)
_TARGET = re.compile(r"(?:sips?:[\x21-\x7e]+@[\x21-\x7e]+|tel:[0-9+*#().-]+)\Z")
_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480, 487})


def check_target(target: str, emergency_number: str) -> None:
    """Raise ValueError for what is no SIP address, or is never called: targets come from the configuration, and still."""
    if forbidden(target, emergency_number):
        raise ValueError("a transfer target must be no emergency or premium-rate number")
    if not _TARGET.match(target) or any(c in target for c in "<>\"' ?"):
        raise ValueError("a transfer target must be a SIP or tel URI without headers")


def outcome_of(status: int) -> TransferOutcome:
    """What a final status of the second leg means for the caller."""
    if status < 300:
        return TransferOutcome.CONNECTED
    if status in _BUSY:
        return TransferOutcome.BUSY
    return TransferOutcome.NO_ANSWER if status in _NO_ANSWER else TransferOutcome.REFUSED


@dataclass(slots=True)
class Refer:
    """One REFER on its way."""

    number: int = 0
    """Its CSeq, by which a NOTIFY names it (RFC 3515 section 2.4.6)."""
    accepted: bool = False
    """Whether the carrier said it would try."""
    last_status: int = 100
    ended: bool = False
    """Whether the carrier tells nothing of it any more: refused, told to the end, or its last word has come."""

    def on_answer(self, status: int) -> TransferOutcome | None:
        """The answer to the REFER itself; None: go on waiting."""
        if status < 200:
            return None
        if status < 300:
            self.accepted = True
            return None
        if status == 408:
            return self.on_silence()
        self.ended = True
        unknown = status in CHALLENGED
        return TransferOutcome.UNAUTHORIZED if unknown else TransferOutcome.REFUSED

    def on_silence(self) -> TransferOutcome | None:
        """Nobody answered the REFER, or so a proxy says (408): the carrier may have it all the same, and tell of it."""
        return None if self.accepted else TransferOutcome.NO_ANSWER

    def on_notify(self, state: str, body: bytes) -> TransferOutcome | None:
        """A NOTIFY of this REFER; None: go on waiting."""
        self.accepted = True
        found = _FRAGMENT.match(body)
        if found is not None:
            self.last_status = int(found[1])
            if self.last_status >= 200:
                self.ended = True
                return outcome_of(self.last_status)
        if state.partition(";")[0].strip().lower() == "terminated":
            self.ended = True
            return TransferOutcome.NO_ANSWER  # it stopped telling, and never told of an answer
        return None


class Referred:
    """The REFERs of one call: the one that is waited for, and those before it that may still be told of."""

    def __init__(self) -> None:
        """None yet."""
        self.current: Refer | None = None
        self._before: deque[Refer] = deque(maxlen=KEPT_MAX)

    def begin(self) -> Refer:
        """One more is sent."""
        self.current = Refer()
        return self.current

    def settle(self) -> None:
        """Nobody waits for the current one any more; the carrier may not have told its last word of it."""
        if self.current is not None and not self.current.ended:
            self._before.append(self.current)
        self.current = None

    def meant(self, event: str) -> Refer | None:
        """Of which REFER a NOTIFY with this Event is; None: of none that is known.

        Without a number it is the oldest's that still may be told of: only the first REFER of a call may be told of
        without (RFC 3515 section 2.4.6), and what comes late of one that was given up says nothing of the next.
        """
        known = [*self._before, *((self.current,) if self.current is not None else ())]
        found = _ID.search(event)
        if found is not None:
            return next((each for each in known if each.number == int(found[1])), None)
        return next((each for each in known if not each.ended), None)
