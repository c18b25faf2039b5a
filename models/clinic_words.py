"""Word lists that any English-speaking practice needs: names, drugs, body parts, calendar.

Plain data in our own selection, the longer lists in `models/words/`; the practice's own words come
from its call flow.
"""

from __future__ import annotations

from pathlib import Path

_LISTS = Path(__file__).resolve().parent / "words"


def _read(name: str) -> tuple[str, ...]:
    return tuple((_LISTS / name).read_text(encoding="utf-8").split())


FIRST_NAMES = _read("first_names.txt")
LAST_NAMES = _read("last_names.txt")
DRUGS: dict[str, str] = dict(
    line.split("\t", 1) for line in (_LISTS / "drugs.tsv").read_text(encoding="utf-8").splitlines()
)
"""ARPAbet phones of drugs that the dictionary of the acoustic model lacks or may lack."""

BODY_PARTS = (
    "chest", "heart", "head", "stomach", "belly", "back", "lower back", "neck", "throat", "left arm", "right arm", "arm", "leg", "left leg", "right leg", "shoulder", "jaw", "face", "mouth",
    "tongue", "lips", "eye", "eyes", "ear", "knee", "ankle", "foot", "hand", "hands", "hip",
    "wrist", "side", "ribs", "abdomen", "tummy", "skin",
)  # fmt: skip
DAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
HOURS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip
ONES = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)  # fmt: skip
TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth", "twenty first", "twenty second", "twenty third",
    "twenty fourth", "twenty fifth", "twenty sixth", "twenty seventh", "twenty eighth", "twenty ninth", "thirtieth", "thirty first",
)  # fmt: skip
FAMILY = (
    "son", "daughter", "mother", "father", "mom", "dad", "husband", "wife", "baby", "brother",
    "sister", "grandmother", "grandfather", "partner", "boyfriend", "girlfriend", "child", "little girl", "little boy", "friend", "neighbor", "roommate",
)  # fmt: skip
