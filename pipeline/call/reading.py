"""What a model reads out of words that the script did not understand: a form that it fills, and what is believed of it.

Only what is still missing is taken, each value through the request's own rules, a name only when it was said and is
one that callers here have. Everything is read back to the caller before it counts. A calculation.
"""

from __future__ import annotations

import json
from datetime import date, timedelta

from pipeline.call.flow import Flow
from pipeline.call.request import FieldInvalid, Request
from pipeline.call.words import words

READABLE = ("reason", "first_name", "day", "time")
"""Never a telephone number: a model does not see one."""
LATEST = timedelta(days=366)
ANSWER_TOKENS = 80

ASSIGNMENT = """Read the caller's last message, and nothing else, as an answer to: {question}
Fill the form. reason: one of its keys. first_name: as it was said. day: YYYY-MM-DD. time: morning, afternoon, evening
or HH:MM. Write "" for everything that was not said in that message: never guess."""


def wanted(request: Request) -> tuple[str, ...]:
    """The fields a reading may fill."""
    missing = request.missing()
    return tuple(name for name in READABLE if name in missing)


def form(flow: Flow) -> dict[str, object]:
    """The JSON Schema of the answer: the same in every call, so that a server compiles it once."""
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "reason": text | {"enum": [*(reason.key for reason in flow.reasons), ""]},
            "first_name": text | {"maxLength": 40},
            "day": text | {"pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"},
            "time": text | {"pattern": "^(morning|afternoon|evening|[0-2][0-9]:[0-5][0-9])?$"},
        },
        "required": list(READABLE),
        "additionalProperties": False,
    }


def believed(flow: Flow, request: Request, said: str, answer: str, today: date) -> Request:
    """The values of an answer that may be taken; an empty request when there are none."""
    try:
        filled = json.loads(answer)
    except (ValueError, RecursionError):
        return Request()
    values = Request()
    for name in wanted(request):
        value = filled.get(name) if isinstance(filled, dict) else None
        if isinstance(value, str) and value:
            values = values.merge(_value(flow, name, value, said, today))
    return values


def _value(flow: Flow, name: str, value: str, said: str, today: date) -> Request:
    try:
        match name:
            case "reason" if any(reason.key == value for reason in flow.reasons):
                return Request(reason=value)
            case "first_name" if value.lower() in flow.names and value.lower() in words(said):
                return Request(first_name=value.capitalize())
            case "day":
                day = date.fromisoformat(value)
                return Request(day=day) if today < day <= today + LATEST else Request()
            case "time":
                return Request(time=value)
    except (ValueError, FieldInvalid):
        pass
    return Request()
