"""A caller who knows what it wants: answers in random order, wavers, asks back, is silent, and objects to what is wrong."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta

from pipeline.call import verbalise
from pipeline.call.flow import Flow
from pipeline.call.phone import can_be_assigned
from pipeline.call.request import Request
from pipeline.call.steps import State
from pipeline.call.words import WEEKDAYS
from tests.call.mishearing import digit_words

OFF_TOPIC = ("it's raining over here", "the dog is barking", "did you see the game", "um")
AGREES = (
    "yes", "yes that's right", "yes please", "yes it is", "um yes", "well yes", "oh yes that's correct",
    "yeah", "yep", "yep that's right", "yeah sure", "uh huh", "mm hmm", "correct", "that's right", "sure",
    "yeah that's right", "sounds good", "perfect thank you", "yes thank you", "that is correct", "yes indeed",
    "okay yes", "yeah go ahead", "exactly", "yes bye", "yes thank you goodbye", "yeah thanks bye bye", "correct bye",
)  # fmt: skip
WAVERS = (
    "is that right", "what was the day again", "are you sure", "which day did you say", "right what was the number",
    "can you say that again", "um let me see", "i think so", "i guess", "maybe", "hold on", "what", "sorry",
    "is it really", "what was the right time again", "let me think", "correct the what", "is that correct", "hmm",
    "good grief", "yes um wait", "could you repeat that", "okay bye", "that's all", "thank you bye",
)  # fmt: skip
"""Said at the read-back, whether it is right or wrong, before an answer."""
OBJECTS = (
    "no {it}", "no it's {it}", "that's not right it's {it}", "no", "nope", "nah", "that's wrong", "that's incorrect",
    "that's not right", "no that's not correct", "yeah that's not right", "not quite", "it isn't right",
    "i don't think that's right", "the {slot} is wrong", "yes but the {slot} is wrong", "no the {slot} is {it}",
    "um no", "yeah no", "that is not correct",
)  # fmt: skip


class BookingCaller:
    """One caller; `wrong` says what it would object to in what it was just told."""

    def __init__(self, flow: Flow, today: date, rng: random.Random) -> None:
        self.rng = rng
        self.flow = flow
        reason = rng.choice(flow.reasons)
        self.reason_said = rng.choice(reason.spoken)
        day = today + timedelta(days=rng.randint(1, 7))
        self.day_said = WEEKDAYS[day.weekday()]
        self.time_said, time = rng.choice(
            (("in the morning", "morning"), ("in the evening", "evening"), ("half past three", "15:30"),
             ("ten thirty a m", "10:30"), ("nine o'clock", "09:00"))
        )  # fmt: skip
        name = rng.choice([n for n in flow.first_names if n.isascii() and len(n) > 3])
        self.truth = Request(reason.key, name.capitalize(), telephone(rng), day, time)
        assert self.truth.phone is not None
        self.phone = self.truth.phone
        self.has_keypad = rng.random() < 0.7
        self.prefers_keys = self.has_keypad and rng.random() < 0.2
        self.off_topic = 0.12
        self.silent = 0.05
        self.listens_early = rng.random() < 0.5
        """Objects to a wrong reason as soon as it is noted; others only when all is read back."""

    def pieces(self) -> dict[str, str]:
        assert self.truth.first_name is not None
        return {
            "reason": self.reason_said,
            "name": f"my name is {self.truth.first_name.lower()}",
            "phone": f"my number is {digit_words(self.phone)}",
            "day": self.day_said,
            "time": self.time_said,
        }

    def answer(self, asked: str, said: str, state: State) -> str | None:
        """What it says to these words; None: nothing. Keys are `keys`."""
        if self.rng.random() < self.silent:
            return None
        wrong = self.wrong(said)
        if asked == "confirm" and "Is that right" not in said:
            wrong = self.remembered(state)
        if asked == "confirm" and self.rng.random() < 0.25:
            return self.rng.choice(WAVERS)
        if wrong is not None:
            it = self.pieces()[wrong]
            if asked != "confirm":
                return f"no {it}"
            spoken_of = {"phone": "number"}.get(wrong, wrong)
            return self.rng.choice(OBJECTS).format(it=it, slot=spoken_of)
        if asked == "confirm":
            return self.rng.choice(AGREES)
        if asked == "open":
            slot = self.remembered(state)
            return f"no {self.pieces()[slot]}" if slot else "it is all right"
        if self.rng.random() < self.off_topic:
            return self.rng.choice(OFF_TOPIC)
        pieces = self.pieces()
        if self.rng.random() < 0.25:  # more than was asked, in any order
            extra = self.rng.choice([slot for slot in pieces if slot not in (asked, "phone")])
            order = [pieces[asked], pieces[extra]]
            self.rng.shuffle(order)
            return " and ".join(order)
        if asked == "day" and self.rng.random() < 0.3:
            other = WEEKDAYS[(WEEKDAYS.index(self.day_said) + 2) % 7]
            return f"{other} no wait {self.day_said}"
        return pieces[asked]

    def keys(self, asked: str, said: str, state: State) -> str | None:
        """Digits it presses instead of speaking; a blank is a silence that is met with the question again."""
        if asked == "phone" and self.has_keypad and (self.prefers_keys or state.by_hand):
            return self._pressed()
        if "press one" in said and self.has_keypad and self.rng.random() < 0.3:
            return "2" if self.remembered(state) else "1"
        return None

    def _pressed(self) -> str:
        """The number at one go, or after a hesitation from its beginning or from where it stopped."""
        number = self.phone if self.rng.random() < 0.8 else f"1{self.phone}"
        at = self.rng.randint(1, len(number) - 1)
        again = f"{number[:at]} {number}"
        goes_on = f"{number[:at]} {number[at:]} {number}"
        return self.rng.choice((number, number, again, again, goes_on))

    def wrong(self, said: str) -> str | None:
        """The first slot that the words it just heard have wrong, as far as a caller can hear it."""
        truth = self.truth
        noted = re.search(r"A visit for ([a-z -]+), noted", said)
        labels = {reason.said: reason.key for reason in self.flow.reasons}
        if noted and self.listens_early and labels[noted[1]] != truth.reason:
            return "reason"
        if "Is that right" not in said:
            return None
        assert truth.day is not None
        assert truth.time is not None
        heard = {
            "reason": f"I have: {self.flow.reason(truth.reason or '').said}," in said,
            "day": verbalise.day(truth.day) in said,
            "time": verbalise.clock(truth.time) in said,
            "name": f"for {truth.first_name}," in said,
            "phone": f"ends in {verbalise.ending(self.phone)}." in said,
        }
        return next((slot for slot, right in heard.items() if not right), None)

    def remembered(self, state: State) -> str | None:
        """What was wrong in the read-back, when that is not being said again."""
        truth, got = self.truth, state.request
        for slot, right in (
            ("reason", got.reason == truth.reason),
            ("day", got.day == truth.day),
            ("time", got.time == truth.time),
            ("name", got.first_name == truth.first_name),
            ("phone", (got.phone or "")[-2:] == self.phone[-2:]),
        ):
            if not right:
                return slot
        return None


def telephone(rng: random.Random) -> str:
    """A number that can exist."""
    while True:
        number = f"{rng.randint(2, 9)}{rng.randint(0, 99):02d}{rng.randint(2, 9)}{rng.randint(0, 999_999):06d}"
        if can_be_assigned(number):
            return number
