"""How written text is said in both languages; and that the digits said are the digits written."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from models.ports import Language
from models.pronunciations import Pronunciation, Pronunciations
from models.said import MAX_SPOKEN_CHARACTERS, cut
from models.speakable import english_numbers, spanish_numbers
from models.speakable.aloud import aloud
from phi.number_words import readings, tokens

PLAIN = Pronunciations()


def said(text: str, language: Language = "en") -> str:
    return " ".join(word.spoken for word in aloud(text, language, PLAIN) if word.spoken)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("March 3rd", "March third"),
        ("on March 3, 2026.", "on March third, twenty twenty six."),
        ("Jan. 21st", "January twenty first"),
        ("2026-03-03", "March third, twenty twenty six"),
        ("12/25/2026", "December twenty fifth, twenty twenty six"),
        ("in 2005", "in two thousand five"),
        ("in 1905", "in nineteen oh five"),
        ("3:30 pm", "three thirty p.m"),
        ("3:30pm", "three thirty p.m"),
        ("at 10:05 a.m. Please", "at ten oh five a.m. Please"),
        ("by 9:00", "by nine o'clock"),
        ("9:00 AM", "nine a.m"),
        ("15:00", "fifteen hundred"),
        ("555-0123", "five five five, zero one two three"),
        ("555 0100.", "five five five, zero one zero zero."),
        (
            "(555) 555-0100",
            "five five five, five five five, zero one zero zero",
        ),
        (
            "1-800-555-0100",
            "one, eight zero zero, five five five, zero one zero zero",
        ),
        ("call 911", "call nine one one"),
        ("extension 12", "extension one two"),
        ("ends in 4207", "ends in four two zero seven"),
        ("room 204", "room two zero four"),
        ("20 mg", "twenty milligrams"),
        ("20mg", "twenty milligrams"),
        ("1 mg", "one milligram"),
        ("2.5 mL", "two point five milliliters"),
        ("5 mg/mL", "five milligrams per milliliter"),
        ("2x daily", "two times daily"),
        ("98.6°F", "ninety eight point six degrees Fahrenheit"),
        ("120/80", "one hundred twenty over eighty"),
        ("1/2 tablet", "one half tablet"),
        ("10-15 minutes", "ten to fifteen minutes"),
        ("7.2%", "seven point two percent"),
        ("1,200 steps", "one thousand two hundred steps"),
        ("$25.50", "twenty five dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$0.99", "ninety nine cents"),
        ("$5 million", "five million"),
        ("-5 degrees", "minus five degrees"),
        ("Dr. Smith", "Doctor Smith"),
        ("on Main St. today", "on Main Street today"),
        ("at St. Mary's", "at Saint Mary's"),
        ("Mr. and Mrs. Lee", "Mister and Missus Lee"),
        ("No. 5", "number five"),
        ("No.", "No."),
        ("No, 5", "No, five"),
        ("e.g. this", "for example this"),
        ("I am here", "I am here"),
        ("you may 5", "you may fifth"),
        ("A1C and B12", "ay one C and B twelve"),
        ("the 112th", "the one hundred twelfth"),
        ("and/or", "and or"),
        ("a.b@c.com", "a dot b at c dot com"),
        ("it’s “fine”", "it's fine"),
        ("2nd", "second"),
        ("20th", "twentieth"),
        ("08", "zero eight"),
        ("½ cup", "one half cup"),
    ],
)
def test_english_is_said_as_people_say_it(written: str, spoken: str) -> None:
    assert said(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("el 1 de marzo", "el primero de marzo"),
        ("el 3 de marzo de 2026", "el tres de marzo de dos mil veintiséis"),
        ("2026-03-03", "tres de marzo de dos mil veintiséis"),
        ("03/04/2026", "tres de abril de dos mil veintiséis"),
        ("12/25/2026", "veinticinco de diciembre de dos mil veintiséis"),
        ("a las 3:30 p. m.", "a las tres y treinta de la tarde."),
        ("a las 10:05 a.m. Venga", "a las diez y cinco de la mañana. Venga"),
        ("a la 1:00 pm", "a la una de la tarde"),
        ("a las 9 p.m.", "a las nueve de la noche."),
        ("a las 21:15", "a las veintiuna y quince"),
        ("555-0123", "cinco cinco cinco, cero uno dos tres"),
        ("al 911", "al nueve uno uno"),
        ("20 mg", "veinte miligramos"),
        ("1 mg", "un miligramo"),
        ("21 mg", "veintiún miligramos"),
        ("1 tableta", "una tableta"),
        ("21 pastillas", "veintiuna pastillas"),
        ("21 días", "veintiún días"),
        ("31 citas", "treinta y una citas"),
        ("200 personas", "doscientas personas"),
        ("500 mujeres", "quinientas mujeres"),
        ("200 pacientes", "doscientos pacientes"),
        ("1 vez", "una vez"),
        ("tengo 21", "tengo veintiuno"),
        ("1/2 tableta", "media tableta"),
        ("1/2 vaso", "medio vaso"),
        ("1.º", "primero"),
        ("1ª visita", "primera visita"),
        ("1er piso", "primer piso"),
        ("3er piso", "tercer piso"),
        ("2do", "segundo"),
        ("22ª", "vigésima segunda"),
        ("$25.50", "veinticinco dólares con cincuenta centavos"),
        ("$1", "un dólar"),
        ("$21", "veintiún dólares"),
        ("50%", "cincuenta por ciento"),
        ("2,5 ml", "dos coma cinco mililitros"),
        ("120/80", "ciento veinte sobre ochenta"),
        ("100", "cien"),
        ("1,200", "mil doscientos"),
        ("21,000 pasos", "veintiún mil pasos"),
        ("la Dra. Gómez", "la doctora Gómez"),
        ("El Sr. Ruiz", "El señor Ruiz"),
        ("Av. Juárez núm. 45", "avenida Juárez número cuarenta y cinco"),
        ("10-15 minutos", "diez a quince minutos"),
        ("¿Qué?", "Qué?"),
    ],
)
def test_spanish_is_said_with_its_genders(written: str, spoken: str) -> None:
    assert said(written, "es") == spoken


def digits_heard(text: str) -> str:
    """What phi's reader of spoken numbers makes of a text, the longest reading first."""
    read = tokens(text)
    every = readings(read)
    out, at = "", 0
    while at < len(read):
        numbers = [one for one in every[at] if one.text.isdigit() and not one.weak]
        best = max(numbers, key=lambda one: one.behind, default=None)
        out += best.text if best else ""
        at = best.behind if best else at + 1
    return out


LANGUAGES = some.sampled_from(("en", "es"))


@given(some.integers(0, 99_999), LANGUAGES)
def test_a_number_with_commas_is_heard_as_it_was_written(value: int, language: Language) -> None:
    assert digits_heard(said(f"{value:,}", language)) == str(value)


@given(some.text("0123456789", min_size=5, max_size=20), LANGUAGES)
def test_a_code_is_heard_digit_by_digit(code: str, language: Language) -> None:
    heard = said(code, language)
    assert digits_heard(heard) == code
    assert all(len(tokens(group)) <= 4 for group in heard.split(", "))


NUMBERS = r"(1-)?[0-9]{3}-[0-9]{3}-[0-9]{4}|[0-9]{3}-[0-9]{4}|\([0-9]{3}\) [0-9]{3}-[0-9]{4}"


@given(some.from_regex(re.compile(NUMBERS, re.ASCII), fullmatch=True), LANGUAGES)
def test_a_telephone_number_is_heard_digit_by_digit(number: str, language: Language) -> None:
    wanted = re.sub(r"[^0-9]", "", number)
    assert digits_heard(said(f"Call {number}", language)) == wanted


@given(some.integers(0, 23), some.integers(1, 59), LANGUAGES)
@example(20, 1, "es")
@example(20, 9, "es")
def test_a_time_is_heard_as_hour_and_minute(hour: int, minute: int, language: Language) -> None:
    heard = said(f"{hour}:{minute:02}", language)
    words = heard.split(" y ", 1) if language == "es" and hour < 20 else heard.split(" oh ")
    assert "".join(map(digits_heard, words)) == f"{hour}{minute}"


@given(some.integers(0, 366 * 99), LANGUAGES)
def test_a_date_is_heard_with_its_day_and_year(number: int, language: Language) -> None:
    day = date(1950, 1, 1) + timedelta(days=number)
    heard = said(day.isoformat(), language)
    months = english_numbers.MONTHS if language == "en" else spanish_numbers.MONTHS
    assert months[day.month - 1] in heard
    parts = heard.split(", ") if language == "en" else re.split(" de [a-z]+ de ", heard)
    assert digits_heard(parts[0]) == str(day.day)
    assert digits_heard(parts[1]) == str(day.year)


@given(some.integers(1, 99_999), some.sampled_from(["citas", "días", "personas", "mg"]))
def test_a_number_before_a_spanish_noun_is_heard_as_it_was_written(value: int, noun: str) -> None:
    assert digits_heard(said(f"{value:,} {noun}", "es")) == str(value)


@given(some.integers(0, 9_999), some.integers(0, 99), LANGUAGES)
def test_an_amount_is_heard_with_its_cents(whole: int, part: int, language: Language) -> None:
    heard = said(f"${whole}.{part:02}", language)
    wanted = [*([str(whole)] if whole or not part else []), *([str(part)] if part else [])]
    assert digits_heard(re.sub(" and | con ", " then again ", heard)) == "".join(wanted)


@given(some.text(max_size=300), LANGUAGES)
def test_any_text_can_be_said_and_keeps_its_words(text: str, language: Language) -> None:
    words = aloud(text, language, PLAIN)
    assert [word.written for word in words] == text.split()
    assert all(len(word.spoken) <= MAX_SPOKEN_CHARACTERS + 2 for word in words)
    assert not any(letter in "[]<>{}\x00" for word in words for letter in word.spoken)
    assert not any(digit in word.spoken for word in words for digit in "0123456789")


@pytest.mark.parametrize(
    "text",
    [
        "7" * 60 + "x",
        "7" * 1_999 + "x",
        "7-" * 900 + "x",
        "1 " * 1_000,
        "1" + "a" * 1_900 + "é!",
        "(1)" * 600,
        "1," * 900,
        "a." * 900,
        "@" + "a." * 900,
        "$" + "1," * 900,
    ],
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_no_text_takes_long(text: str, language: Language) -> None:
    """An expression that tries every way to read such a text would not come back."""
    begun = time.thread_time()
    aloud(text, language, PLAIN)
    assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("مرحبا hello 你好", "hello"),
        ("٢٠ mg", "twenty milligrams"),
        ("%%% hi ###", "hi"),
        ("naïve Müller’s", "naïve Müller's"),
        ("über-cool", "über-cool"),
        ("a*b", "a b"),
    ],
)
def test_only_what_the_voice_knows_is_given_to_it(written: str, spoken: str) -> None:
    assert said(written) == spoken


@given(some.lists(some.sampled_from(["one,", "two", "three.", "—", "20", "a" * 30, "(", "?"])))
def test_every_word_is_in_one_piece_and_no_piece_is_silent(written: list[str]) -> None:
    words = aloud(" ".join(written), "en", PLAIN)
    pieces = cut(words)
    kept = [word for piece in pieces for word in piece]
    assert kept == (words if any(word.sounds for word in words) else [])
    assert all(any(word.sounds for word in piece) for piece in pieces)


def test_the_first_piece_is_a_short_clause_and_none_is_long() -> None:
    text = "Thank you for calling, the doctor will see you on Monday the third, or would Tuesday suit you? Yes."
    pieces = [" ".join(w.written for w in piece) for piece in cut(aloud(text, "en", PLAIN))]
    assert pieces == [
        "Thank you for calling,",
        "the doctor will see you on Monday the third,",
        "or would Tuesday suit you?",
        "Yes.",
    ]
    long = cut(aloud("word " * 300, "en", PLAIN))
    assert all(sum(len(word.spoken) + 1 for word in piece) <= 91 for piece in long)


def test_a_pronunciation_takes_the_place_of_the_word_and_keeps_its_sign() -> None:
    own = Pronunciations({("en", "nguyen"): Pronunciation("win", "wˈɪn")})
    words = aloud("Ask Nguyen, or NGUYEN's nurse.", "en", own)
    assert [word.spoken for word in words] == ["Ask", "win,", "or", "win's", "nurse."]
    assert [word.phonemes for word in words] == ["", "wˈɪn", "", "wˈɪnz", ""]
    assert [word.spoken for word in aloud("Nguyen", "es", own)] == ["Nguyen"]
