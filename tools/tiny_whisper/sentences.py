"""What the tiny Whisper is taught: the lines of the booking script and some more of a clinic's day."""

from __future__ import annotations

import random

BOOKING = (
    "i need a follow up appointment",
    "a follow up",
    "no i need a follow up",
    "my name is david",
    "david",
    "no my name is david",
    "two one two five five five oh one four three",
    "no my number is two one two five five five oh one four three",
    "tuesday please",
    "on tuesday",
    "no tuesday",
    "in the afternoon",
    "afternoon please",
    "no in the afternoon",
    "yes that's right",
    "yes",
    "no",
    "sorry can you say that again",
    "i want to make an appointment",
)
"""`bench/scripts/booking.toml` in lower case without stops; a test compares."""
CLINIC = (
    "yes please",
    "no thank you",
    "i need a refill of my metformin",
    "i have chest pain and i cannot breathe",
    "i am taking lisinopril once a day",
    "can i see the doctor on monday morning",
    "are my lab results ready",
    "i would like to speak to a nurse",
    "my daughter has a sore throat and a cough",
    "do you accept my insurance",
    "i feel dizzy and my left arm is numb",
    "thank you goodbye",
)
LONG = (
    "i would like to make an appointment with the doctor on monday morning because my daughter has a sore throat",
)
ALL = (*BOOKING, *CLINIC, *LONG)
SPOKEN = {
    "two one two five five five oh one four three": "two one two, five five five, oh one four three"
}
"""How it is said, where that is more than the words."""


def words() -> list[str]:
    """Every word, once."""
    return sorted({word for sentence in ALL for word in sentence.split()})


def jumbles(count: int, draw: random.Random) -> list[str]:
    """Pieces of sentences put together anew: who knows only whole sentences gets these wrong."""
    made = []
    for _ in range(count):
        pieces: list[str] = []
        while len(pieces) < draw.randint(2, 8):
            known = draw.choice(ALL).split()
            first = draw.randrange(len(known))
            pieces += known[first : first + draw.randint(1, 3)]
        made.append(" ".join(pieces[:9]))
    return made
