"""What each part of a call flow file must be: every fault with its key and what to write.

Reads tables that were parsed already; knows no path and no settings of the server.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import MISSING, asdict, fields

from pipeline.call.flow import SLOTS, Flow, Greeting, Lines, Practice, Prompt, Reason, UrgentPack
from pipeline.call.hours import (
    HOLIDAY_ADVICE,
    SPAN_ADVICE,
    TAKES,
    WEEKDAYS,
    PracticeHours,
    Span,
    holiday_fault,
    spans_of,
    zone_of,
)
from pipeline.call.identifiers import DATE_ORDERS, IDENTIFIERS, DateOrder
from pipeline.call.identity import IDENTIFIER_PROMPTS
from pipeline.call.request import FIELD_KINDS, valid_first_name
from pipeline.call.time_of_day import OpeningHours
from pipeline.call.words import has_any, words
from pipeline.errors import resembles
from pipeline.store.fields import read_schema

Table = dict[str, object]

_OWN_FACTS = {"practice", "phone", "emergency_number"}
_ALLOWED = {
    "reason_noted": {"reason"},
    "read_back": {"read_back"},
    "phone_piece": {"count"},
    "today": {"day"},
    "other_weekday": {"day"},
    "booked_again": {"read_back"},
    "ending_noted": {"ending"},
    "callback_confirm": {"ending"},
    "prompts.birth_date.ask": {"key_order"},
    "prompts.birth_date.again": {"key_order"},
    "prompts.birth_date.choices": {"key_order"},
}
_REQUIRED = {
    "greeting.emergency": "emergency_number",
    "lines.urgent": "phone",
    "lines.person": "phone",
    "lines.apology": "phone",
    "lines.paused": "phone",
    "lines.goodbye": "phone",
    "lines.read_back": "read_back",
    "lines.booked_again": "read_back",
    "lines.other_weekday": "day",
    "lines.reason_noted": "reason",
    "lines.ending_noted": "ending",
    "lines.callback_confirm": "ending",
    "prompts.birth_date.ask": "key_order",
    "prompts.birth_date.again": "key_order",
}
_ZERO = ("zero", "0")
_GREETING_WORDS = 32
"""About twelve seconds of speech; a longer greeting is hung up on."""
_LONGEST_LINE = 400
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class FlowReading:
    """One file being read: its faults so far, and the flow when there are none."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.faults: list[str] = []
        self.own = Practice("", "", "")
        """The practice as far as it is written well."""

    def fault(self, key: str, advice: str) -> None:
        self.faults.append(f"{key}: {advice}")

    def flow(self, table: Table) -> Flow | None:
        sections = (
            "version", "practice", "greeting", "reasons", "prompts", "lines", "urgent", "hours",
            "first_names", "words", "request", "identify", "birth_date_order", "rules", "answering",
        )  # fmt: skip
        self.unknown("", table, sections)
        version = self.text("version", table.get("version"))
        practice = self.own = self.practice(self.table("practice", table))
        greeting = self.greeting(self.table("greeting", table))
        reasons = self.reasons(table.get("reasons"))
        identify = self.identify(table.get("identify", []))
        order = self.order(table.get("birth_date_order", "mdy"))
        prompts = self.prompts(self.table("prompts", table), identify)
        lines = self.lines(self.table("lines", table))
        urgent = self.urgent(self.table("urgent", table))
        hours = self.hours(table.get("hours", {}))
        answering = self.answering(table.get("answering", {}))
        names = self.strings("first_names", table.get("first_names", []), required=False)
        for name in names:
            if not valid_first_name(name):
                self.fault("first_names", "each must be one name of letters, like José or O'Neil")
        extra = self.strings("words", table.get("words", []), required=False)
        rules = self.strings("rules", table.get("rules", []), required=False)
        choices = {"reason": [reason.key for reason in reasons]}
        kinds = FIELD_KINDS | {name: IDENTIFIERS[name].kind for name in identify}
        request, faults = read_schema(table.get("request", {}), kinds, choices)
        self.faults += faults
        if self.faults:
            return None
        return Flow(
            version,
            practice,
            greeting,
            reasons,
            prompts,
            lines,
            urgent,
            hours,
            names,
            extra,
            request,
            identify,
            order,
            rules,
            answering,
        )

    # --- sections ----------------------------------------------------------------------------

    def practice(self, table: Table) -> Practice:
        self.unknown("practice", table, ("name", "phone", "emergency_number"))
        name = self.text("practice.name", table.get("name"))
        phone = self.text("practice.phone", table.get("phone"))
        number = re.sub(r"[ ().-]", "", phone)
        if phone and not re.fullmatch(r"[0-9]{10}", number):
            self.fault("practice.phone", 'write ten digits, like "212-555-0100"')
            number = ""
        emergency = self.text("practice.emergency_number", table.get("emergency_number"))
        if emergency and not re.fullmatch(r"[0-9]{2,6}", emergency):
            self.fault("practice.emergency_number", 'write its digits, like "911"')
            emergency = ""
        return Practice(name, number, emergency)

    def greeting(self, table: Table) -> Greeting:
        self.unknown("greeting", table, ("emergency", "automated", "person"))
        parts = [
            self.line(f"greeting.{key}", table.get(key))
            for key in ("emergency", "automated", "person")
        ]
        if parts[1] and "automated" not in parts[1].lower():
            self.fault("greeting.automated", 'must say the word "automated"')
        if parts[0] and not has_any(words(parts[0]), ("hang up and dial", "hang up and call")):
            self.fault(
                "greeting.emergency",
                'must say what to do: "In an emergency, hang up and dial {emergency_number}."',
            )
        told = words(parts[2])
        if parts[2] and not (
            "person" in told and has_any(told, ("say", "says", "saying")) and has_any(told, _ZERO)
        ):
            self.fault(
                "greeting.person",
                'must say both ways to a person: "Say person or press zero at any time."',
            )
        if sum(len(part.split()) for part in parts) > _GREETING_WORDS:
            self.fault(
                "greeting", f"is too long to listen to; write at most {_GREETING_WORDS} words"
            )
        return Greeting(*parts)

    def reasons(self, value: object) -> tuple[Reason, ...]:
        if not isinstance(value, list) or not value:
            self.fault("reasons", "write at least one [[reasons]] with key, label and spoken")
            return ()
        out: list[Reason] = []
        owners: dict[tuple[str, ...], str] = {}
        for index, item in enumerate(value):
            where = f"reasons[{index}]"
            if not isinstance(item, dict):
                self.fault(where, "must be a table with key, label and spoken")
                continue
            self.unknown(where, item, ("key", "label", "spoken", "said"))
            key = self.text(f"{where}.key", item.get("key"))
            if key and not _KEY.fullmatch(key):
                self.fault(f"{where}.key", "write lower-case letters, digits and underscores")
            if key in {reason.key for reason in out}:
                self.fault(f"{where}.key", f'"{key}" is used twice; write another key')
            label = self.text(f"{where}.label", item.get("label"))
            spoken = self.strings(f"{where}.spoken", item.get("spoken"), required=True)
            for form in spoken:
                owner = owners.setdefault(words(form), key)
                if owner != key:
                    self.fault(f"{where}.spoken", f'"{form}" already belongs to "{owner}"')
                if not words(form):
                    self.fault(f"{where}.spoken", "each form needs at least one word")
            said = self.text(f"{where}.said", item.get("said", label or "a visit"))
            out.append(Reason(key, label, spoken, said))
        return tuple(out)

    def prompts(self, table: Table, identify: tuple[str, ...]) -> dict[str, Prompt]:
        self.unknown("prompts", table, (*SLOTS, *IDENTIFIERS))
        out: dict[str, Prompt] = {}
        keys = ("ask", "again", "choices", "why")
        for slot in SLOTS:
            item = self.table(slot, table, f"prompts.{slot}")
            self.unknown(f"prompts.{slot}", item, keys)
            out[slot] = Prompt(*(self.line(f"prompts.{slot}.{key}", item.get(key)) for key in keys))
        for slot in IDENTIFIERS:
            item = self.table(slot, table, f"prompts.{slot}") if slot in table else {}
            self.unknown(f"prompts.{slot}", item, keys)
            texts = asdict(IDENTIFIER_PROMPTS[slot]) | item
            prompt = Prompt(*(self.line(f"prompts.{slot}.{key}", texts[key]) for key in keys))
            if slot in identify:
                out[slot] = prompt
        return out

    def identify(self, value: object) -> tuple[str, ...]:
        names = self.strings("identify", value, required=False)
        if set(names) - set(IDENTIFIERS) or len(set(names)) < len(names):
            known = ", ".join(f'"{name}"' for name in IDENTIFIERS)
            self.fault("identify", f"write each of {known} once at most, or leave it out")
            return ()
        return names

    def order(self, value: object) -> DateOrder:
        for order in DATE_ORDERS:
            if value == order:
                return order
        self.fault("birth_date_order", f"write one of {', '.join(DATE_ORDERS)}")
        return DATE_ORDERS[0]

    def lines(self, table: Table) -> Lines:
        keys = tuple(field.name for field in fields(Lines))
        own = {field.name: field.default for field in fields(Lines) if field.default is not MISSING}
        self.unknown("lines", table, keys)
        texts = own | table
        lines = Lines(**{key: self.line(f"lines.{key}", texts.get(key)) for key in keys})
        for key in ("recording_notice", "recording_again"):
            if "record" not in str(texts[key]).lower() and "grab" not in str(texts[key]).lower():
                self.fault(f"lines.{key}", "must say that the call would be recorded")
        return lines

    def urgent(self, table: Table) -> UrgentPack:
        self.unknown("urgent", table, ("version", "approved_by", "phrases"))
        version = self.text("urgent.version", table.get("version"))
        approved = self.text("urgent.approved_by", table.get("approved_by"))
        kinds = self.table("phrases", table, "urgent.phrases")
        phrases: list[tuple[str, str]] = []
        for kind, value in kinds.items():
            if not _KEY.fullmatch(kind):
                self.fault(f"urgent.phrases.{kind}", "write the kind in lower-case letters")
            for phrase in self.strings(f"urgent.phrases.{kind}", value, required=True):
                if not words(phrase):
                    self.fault(f"urgent.phrases.{kind}", "each phrase needs at least one word")
                phrases.append((kind, phrase))
        if not phrases:
            self.fault("urgent.phrases", "write the practice's urgent phrases, by kind")
        return UrgentPack(version, approved, tuple(phrases))

    def hours(self, value: object) -> OpeningHours:
        if not isinstance(value, dict):
            self.fault("hours", "must be a table with opens_hour and closes_hour")
            return OpeningHours()
        self.unknown("hours", value, ("opens_hour", "closes_hour"))
        opens, closes = value.get("opens_hour", 7), value.get("closes_hour", 19)
        good = type(opens) is int and type(closes) is int and 0 <= opens <= 12 <= closes <= 24
        if not good or closes - opens > 12:
            self.fault(
                "hours", "write whole hours, opens_hour up to 12 and closes_hour at most 12 later"
            )
            return OpeningHours()
        return OpeningHours(opens, closes)

    def answering(self, value: object) -> PracticeHours:
        if not isinstance(value, dict):
            self.fault("answering", "must be a table with time_zone and hours")
            return PracticeHours()
        self.unknown("answering", value, ("time_zone", "hours", "holidays", "takes"))
        if not value:
            return PracticeHours()
        name = value.get("time_zone")
        zone = zone_of(name) if isinstance(name, str) and name else None
        if zone is None:
            self.fault("answering.time_zone", 'write a time zone, like "America/New_York"')
        days = self.table("hours", value, "answering.hours")
        self.unknown("answering.hours", days, WEEKDAYS)
        week: list[tuple[Span, ...]] = []
        for day in WEEKDAYS:
            where = f"answering.hours.{day}"
            spans = spans_of(self.strings(where, days.get(day, []), required=False))
            if spans is None:
                self.fault(where, SPAN_ADVICE)
            week.append(spans or ())
        if days and not any(week):
            self.fault("answering.hours", "say when the practice is open, or leave answering out")
        holidays = self.strings("answering.holidays", value.get("holidays", []), required=False)
        if any(holiday_fault(text) for text in holidays):
            self.fault("answering.holidays", HOLIDAY_ADVICE)
        takes = value.get("takes", TAKES[0])
        if takes not in TAKES:
            self.fault("answering.takes", f"write one of {', '.join(TAKES)}")
        return PracticeHours(zone, tuple(week), frozenset(holidays), str(takes))

    # --- values ------------------------------------------------------------------------------

    def unknown(self, where: str, table: Table, known: Iterable[str]) -> None:
        for key in table:
            if key not in set(known):
                named = (where, key if resembles(key, known) else "?")
                self.fault(
                    ".".join(filter(None, named)),
                    f"is not a setting here; write one of {', '.join(known)}",
                )

    def table(self, key: str, parent: Table, name: str = "") -> Table:
        value = parent.get(key)
        if isinstance(value, dict):
            return value
        self.fault(name or key, f"write a [{name or key}] table")
        return {}

    def text(self, key: str, value: object) -> str:
        if isinstance(value, str) and value.strip() and len(value) <= _LONGEST_LINE:
            return value.strip()
        self.fault(key, f"write a text in quotes, up to {_LONGEST_LINE} characters")
        return ""

    def strings(self, key: str, value: object, *, required: bool) -> tuple[str, ...]:
        good = isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)
        if not good or (required and not value) or not isinstance(value, list):
            self.fault(key, "write a list of texts in quotes")
            return ()
        return tuple(value)

    def line(self, key: str, value: object) -> str:
        """A spoken line: only placeholders that will be filled, and those that must be there."""
        text = self.text(key, value)
        allowed = _OWN_FACTS | _ALLOWED.get(key.removeprefix("lines."), set())
        try:
            used = [
                (name, spec, conversion)
                for _, name, spec, conversion in string.Formatter().parse(text)
                if name is not None
            ]
        except ValueError:
            self.fault(key, "has a lone { or }; write a placeholder like {phone}")
            return ""
        for name, spec, conversion in used:
            if name not in allowed or spec or conversion:
                shown = name if resembles(name, allowed) else "?"
                self.fault(
                    key, f"{{{shown}}} is unknown; write one of {', '.join(sorted(allowed))}"
                )
        needed = _REQUIRED.get(key)
        if text and needed and needed not in {name for name, _, _ in used}:
            self.fault(key, f"must contain {{{needed}}}")
        return text
