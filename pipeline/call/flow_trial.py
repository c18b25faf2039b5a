"""Puts what a practice's call flow promises to understand through the dialogue itself, before a caller does.

A form of a reason may be well written and still never be heard as one: urgent words and the wish for a person come
first, and two reasons may take each other's words. Reads no file; every fault names the form.
"""

from __future__ import annotations

from datetime import date

from pipeline.call.dialogue import respond
from pipeline.call.flow import Flow
from pipeline.call.steps import Heard, Phase, State

_ANY_DAY = date(2026, 1, 7)
_SENTENCES = ("{form}", "i need a {form}")
"""As callers say it: alone, and in a sentence of the commonest kind."""
_TAKEN_FOR = {
    Phase.URGENT: "is taken for an emergency",
    Phase.PERSON: "is taken for the wish to speak to a person",
}


def unheard(flow: Flow) -> list[str]:
    """Every spoken form of a reason that callers would say in vain."""
    return [
        f'reasons[{index}].spoken: "{form}" {fault}; write that reason in other words'
        for index, reason in enumerate(flow.reasons)
        for form in reason.spoken
        if (fault := _fault(flow, reason.key, form))
    ]


def _fault(flow: Flow, key: str, form: str) -> str:
    for sentence in _SENTENCES:
        after = respond(flow, State(), Heard(sentence.format(form=form)), _ANY_DAY).state
        if after.request.reason != key:
            return _TAKEN_FOR.get(after.phase, "is not understood as it")
    return ""
