"""The call flow as the rest of the call sees it: frozen data, already validated.

Knows no file and no format; `pipeline.call.flow_file` builds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pipeline.call.hours import PracticeHours
from pipeline.call.identifiers import DateOrder, key_order
from pipeline.call.time_of_day import OpeningHours
from pipeline.call.verbalise import digits, phone_number
from pipeline.call.words import words
from pipeline.store.fields import RequestSchema

SLOTS = ("reason", "name", "phone", "day", "time")
"""What every request needs, in the order it is asked."""


@dataclass(frozen=True, slots=True)
class Practice:
    """Whose line this is."""

    name: str
    phone: str
    emergency_number: str

    @property
    def spoken_phone(self) -> str:
        """The practice's own number, digit by digit."""
        return phone_number(self.phone)


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first words, spoken in this order (row U15)."""

    emergency: str
    automated: str
    person: str

    def text(self, closed: str = "") -> str:
        """All of it; `closed` is what a caller outside the practice's hours must know."""
        parts = (self.emergency, self.automated, closed, self.person)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Reason:
    """One of the enumerated reasons for a visit."""

    key: str
    label: str
    spoken: tuple[str, ...]
    said: str
    """As it is said back: "a blood test"."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """How one slot is asked."""

    ask: str
    again: str
    """After silence or words that did not answer."""
    choices: str
    """To "what are my choices"."""
    why: str
    """To "why do you need that"."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Everything else the receptionist says."""

    reason_noted: str
    read_back: str
    confirm_again: str
    what_is_wrong: str
    what_is_wrong_again: str
    phone_piece: str
    phone_wrong: str
    phone_once_more: str
    phone_differs: str
    past_day: str
    hesitation: str
    hearing: str
    robot: str
    for_whom: str
    today: str
    booked: str
    goodbye: str
    person: str
    urgent: str
    filler: str
    apology: str
    phone_last_time: str = "And the number one last time, please, slowly; or use the keypad."
    phone_by_hand: str = (
        "I cannot be sure of that number by ear. Please use the keypad, or say person."
    )
    name_once_more: str = "Please say that name once more, or spell it."
    confirm_plainly: str = (
        "Please say yes, or press one, if all of that is right; or tell me what to change."
    )
    change: str = "I can only take new requests. To cancel or change an appointment, please call {practice} at {phone}."
    help: str = "I take requests for appointments; the office then calls back. Say person at any time to reach one."
    no_such_day: str = "There is no such day in the calendar."
    other_weekday: str = "That date is {day}."
    """To "Tuesday the fourteenth" when it is a Saturday."""
    nothing_booked: str = "Nothing is booked yet: the office has no request from you."
    """To a farewell before the request was confirmed."""
    booked_again: str = "I have: {read_back}."
    """To a question about the booking, over the goodbye."""
    question_later: str = "The office can tell you that when it calls you back."
    """To any other question over the goodbye."""
    ending_noted: str = "Thank you. I have {ending}."
    identifier_noted: str = "Thank you, I have that."
    connecting: str = "I am connecting you to a person now. Please stay on the line."
    """Said before the first telephone rings, where callers can be transferred."""
    connecting_next: str = "I am trying another number. Please stay on the line."
    still_connecting: str = "I am still connecting you. One moment, please."
    not_reached: str = "I am sorry, nobody could answer just now."
    message: str = "You can leave a message now; this call is being recorded. Hang up, or press any key, when you are done."
    """Where the caller agreed to be recorded."""
    message_more: str = "You can go on, or hang up when you are done."
    message_noted: str = "Thank you, your message is kept for the office."
    callback: str = "The office can call you back."
    callback_confirm: str = (
        "Shall the office call you back at the number that ends in {ending}, yes or no?"
    )
    callback_noted: str = "Thank you. The office will call you back."
    closed: str = "Our office is closed now."
    """In the greeting, outside the practice's hours."""
    busy: str = "All our lines are busy. Please call {practice} again in a few minutes. In an emergency, hang up and dial {emergency_number}."
    """To a caller whom nobody can take."""
    paused: str = (
        "This service is temporarily unavailable. Please call {practice} at {phone}. In an emergency, hang up and"
        " dial {emergency_number}."
    )
    """All that callers hear while the emergency switch is thrown."""
    recording_notice: str = (
        "With your consent we record this call. Say yes or press one to agree. If you do not wish to be recorded,"
        " say no or press two. You may say stop recording, or press star, at any time."
    )
    """Spoken after the greeting, whole, where [recording] is on: nothing is recorded before the answer."""
    recording_again: str = "May we record this call? Please say yes or no."
    """Once the notice was heard to its end and the answer was neither."""
    recording_given: str = "Thank you, this call is recorded."
    recording_refused: str = "This call is not recorded."
    recording_stopped: str = "The recording has stopped and is destroyed."


@dataclass(frozen=True, slots=True)
class UrgentPack:
    """The practice's urgent phrases by kind, with who approved them."""

    version: str
    approved_by: str
    phrases: tuple[tuple[str, str], ...]
    """Kind and phrase."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a recogniser's language model is built from."""

    reasons: tuple[str, ...]
    practice_words: tuple[str, ...]
    urgent_phrases: tuple[str, ...]


@dataclass(frozen=True)
class Flow:
    """One practice's call flow."""

    version: str
    practice: Practice
    greeting: Greeting
    reasons: tuple[Reason, ...]
    prompts: dict[str, Prompt]
    lines: Lines
    urgent: UrgentPack
    hours: OpeningHours
    first_names: tuple[str, ...]
    extra_words: tuple[str, ...]
    request: RequestSchema
    identify: tuple[str, ...] = ()
    """Identifiers this practice asks for; none by default (minimum necessary)."""
    birth_date_order: DateOrder = "mdy"
    rules: tuple[str, ...] = ()
    """Sentences of the practice's own for a language model, where there is one: facts it may tell, things it may not."""

    answering: PracticeHours = field(default_factory=PracticeHours)
    """When the practice is open, and what is taken while it is not."""

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Questions in the order they are asked: identifiers after the telephone number."""
        behind = SLOTS.index("phone") + 1
        return (*SLOTS[:behind], *self.identify, *SLOTS[behind:])

    def say(self, line: str, **values: str) -> str:
        """Fill the practice's own facts, and the given values, into a line."""
        return line.format(
            practice=self.practice.name,
            phone=self.practice.spoken_phone,
            emergency_number=digits(self.practice.emergency_number),
            key_order=key_order(self.birth_date_order),
            **values,
        )

    def write(self, line: str) -> str:
        """Fill the practice's own facts into a line that is read, not heard."""
        practice = self.practice
        return line.format(
            practice=practice.name,
            phone=practice.phone,
            emergency_number=practice.emergency_number,
            key_order=key_order(self.birth_date_order),
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """Known first names in lower case."""
        return frozenset(name.lower() for name in self.first_names)

    @cached_property
    def answer_words(self) -> frozenset[str]:
        """Words that belong to reasons: never a name unless the list of names has them."""
        return frozenset(
            w for reason in self.reasons for form in reason.spoken for w in words(form)
        )

    def reason(self, key: str) -> Reason:
        """A reason by its key."""
        return next(reason for reason in self.reasons if reason.key == key)

    @property
    def practice_name(self) -> str:
        """As it is spoken and shown."""
        return self.practice.name

    @property
    def practice_phone(self) -> str:
        """As it is shown when a person is needed."""
        return self.practice.phone

    def vocabulary(self) -> Vocabulary:
        """Every way of saying a reason, the practice's words and names, and the urgent phrases."""
        forms = tuple(form for reason in self.reasons for form in reason.spoken)
        own = (*self.extra_words, *self.first_names)
        return Vocabulary(forms, own, tuple(phrase for _, phrase in self.urgent.phrases))
