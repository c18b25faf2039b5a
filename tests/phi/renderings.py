"""Identifiers as callers say them and systems write them, for property tests: strategies, no redactor."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from phi.lexicon import TABLE
from phi.vocabulary import known_word

DIGITS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS_ES = ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve")
NATO = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        [
            "alpha",
            "bravo",
            "charlie",
            "delta",
            "echo",
            "foxtrot",
            "golf",
            "hotel",
            "india",
            "juliet",
            "kilo",
            "lima",
            "mike",
            "november",
            "oscar",
            "papa",
            "quebec",
            "romeo",
            "sierra",
            "tango",
            "uniform",
            "victor",
            "whiskey",
            "xray",
            "yankee",
            "zulu",
        ],
        strict=True,
    )
)
SAID_AS_IN = {"a": "apple", "b": "boy", "d": "dog", "g": "girl", "k": "king", "m": "mary", "n": "nancy", "o": "ocean", "r": "robert", "t": "tom"}  # fmt: skip
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTHS_ES = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}  # fmt: skip
ORDINALS = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
SYLLABLES = ("ka", "lo", "mi", "ren", "sha", "tov", "ubi", "wen", "xo", "yar", "zel", "quin", "dra", "fe", "gor", "hu", "nje", "pok", "bri", "osk")  # fmt: skip


def number(value: int) -> str:
    """A number below a hundred in words."""
    if value < 20:
        return ONES[value]
    return TENS[value // 10] + (f" {ONES[value % 10]}" if value % 10 else "")


def ordinal(value: int) -> str:
    """A day of the month in words."""
    if value <= 20:
        return ORDINALS[value]
    if value == 30:
        return "thirtieth"
    return f"{TENS[value // 10]} {ORDINALS[value % 10]}"


def said_digits(digits: str) -> str:
    """One by one."""
    return " ".join(DIGITS[int(d)] for d in digits)


def said_digits_es(digits: str) -> str:
    """One by one, in Spanish."""
    return " ".join(DIGITS_ES[int(d)] for d in digits)


def said_in_pairs(digits: str) -> str:
    """Two by two, as many say a telephone number."""
    parts = [digits[k : k + 2] for k in range(0, len(digits), 2)]
    return " ".join(
        number(int(p)) if len(p) == 2 and p[0] != "0" else said_digits(p) for p in parts
    )


def said_with_double(digits: str) -> str:
    """With "double" and "triple" where a digit repeats."""
    out = []
    k = 0
    while k < len(digits):
        times = 1
        while k + times < len(digits) and times < 3 and digits[k + times] == digits[k]:
            times += 1
        word = DIGITS[int(digits[k])]
        out.append({1: word, 2: f"double {word}", 3: f"triple {word}"}[times])
        k += times
    return " ".join(out)


def said_hesitating(digits: str) -> str:
    """With fillers between groups."""
    return " uh ".join(said_digits(digits[k : k + 3]) for k in range(0, len(digits), 3))


def written_grouped(digits: str) -> str:
    """With hyphens."""
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def as_it_is(digits: str) -> str:
    """Digits."""
    return digits


DIGIT_RENDERERS = (said_digits, said_digits_es, said_in_pairs, said_with_double, said_hesitating, written_grouped, as_it_is)  # fmt: skip
DIGIT_FRAMES = (
    "my number is {}",
    "yeah it's {} okay",
    "call me back at {} please",
    "the member id is {}",
    "you can reach me on {} after five",
    "mi numero es {}",
    "caller entered {}",
    "ValueError: cannot parse '{}'",
    "phone={} retries=2",
    "{}",
)
numbers_said = st.builds(
    lambda digits, render, frame: (frame, render(digits)),
    st.text(alphabet="0123456789", min_size=8, max_size=11),
    st.sampled_from(DIGIT_RENDERERS),
    st.sampled_from(DIGIT_FRAMES),
)


def _strange(word: str) -> bool:
    return word not in TABLE and not known_word(word, ~0)


names = st.lists(st.sampled_from(SYLLABLES), min_size=3, max_size=4).map("".join).filter(_strange)
NAME_FRAMES = (
    "my name is {}",
    "hi this is {} calling about a refill",
    "me llamo {}",
    "can you tell {} that i called",
    "ERROR no chart for {}",
    "caller_name={} outcome=booked",
    "/var/rec/{}.wav",
    "KeyError: '{}'",
    "it's for my daughter {}",
    "hola soy {} y necesito una cita",
    "{}",
)


def spelled(name: str) -> str:
    """Letter by letter."""
    return " ".join(name)


def spelled_nato(name: str) -> str:
    """In the radio alphabet."""
    return " ".join(NATO[c] for c in name)


def spelled_as_in(name: str) -> str:
    """With "as in" where a word comes to mind."""
    return " ".join(f"{c} as in {SAID_AS_IN[c]}" if c in SAID_AS_IN else c for c in name)


def plain(name: str) -> str:
    """As it is."""
    return name


def titled(name: str) -> str:
    """With a capital."""
    return name.capitalize()


names_said = st.builds(
    lambda name, render, frame: (frame, render(name)),
    names,
    st.sampled_from((plain, titled)),
    st.sampled_from(NAME_FRAMES),
)
names_spelled = st.builds(
    lambda name, render, frame: (frame, render(name)),
    names,
    st.sampled_from((spelled, spelled_nato, spelled_as_in)),
    st.sampled_from(("my last name is spelled {}", "that's {}", "it is {} thanks")),
)


def _year_said(year: int) -> str:
    if year < 2000:
        tail = year % 100
        return f"nineteen {number(tail) if tail > 9 else 'oh ' + ONES[tail]}"
    return f"two thousand {number(year - 2000)}" if year > 2000 else "two thousand"


def dates_of(day: date) -> tuple[str, ...]:
    """The forms of one date, without its year where a form has none."""
    month, month_es = MONTHS[day.month - 1], MONTHS_ES[day.month - 1]
    return (
        f"{month} {ordinal(day.day)} {_year_said(day.year)}",
        f"the {ordinal(day.day)} of {month}",
        f"{month} {day.day}, {day.year}",
        f"{day.day} de {month_es} de {day.year}",
        f"{day:%m/%d/%Y}",
        f"{day:%Y-%m-%d}",
        f"{day.day:02}.{day.month:02}.{day.year % 100:02}",
    )


dates_said = st.builds(
    lambda day, form, frame: (frame, dates_of(day)[form]),
    st.dates(date(1940, 1, 1), date(2024, 12, 28)),
    st.integers(0, 6),
    st.sampled_from(
        (
            "i was born on {}",
            "date of birth {}",
            "naci el {}",
            "dob={} ok",
            "the surgery was {}",
            "time data '{}' does not match",
        )
    ),
)
AGE_FRAMES = (
    "my mother is {} years old",
    "she just turned {}",
    "patient aged {} lives alone",
    "he's {} and still drives",
    "age: {}",
    "a {} year old woman",
)
ages_said = st.builds(
    lambda age, words, frame: (frame, number(age) if words else str(age)),
    st.integers(90, 99),
    st.booleans(),
    st.sampled_from(AGE_FRAMES),
)
SAFE_IN_DATES = frozenset(("the", "of", "de"))
