"""What a transcript is worth to turn-taking: text and the pending question in, numbers out.

A calculation on words. It understands no meaning beyond "does this sound finished" and "does it have
the shape of an answer"; what the answer is belongs to the call flow. English, and the basics of Spanish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.turn.events import Asked, Completeness, Evidence

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_NOISE = re.compile(r"\[[^\]]*\]|<[^>]*>|\+\+[^+]*\+\+")
"""Recognisers mark breath and noise as [NOISE], <sil> or ++COUGH++: those are no words."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _words("um umm uh uhh er erm ah hmm hm mm eh em este pues mmm")

BACKCHANNELS = FILLERS | _words(
    "mhm mmhm mmhmm hmm huh uh-huh ok okay right yeah yep yes yup sure alright good great fine cool"
    " sí si ajá aja vale bueno claro ya bien"
)
BACKCHANNEL_PHRASES = frozenset(
    {"i see", "got it", "all right", "of course", "de acuerdo", "está bien"}
)
LONGEST_BACKCHANNEL = 3
"""Words: "yeah yeah okay" is one, four such words are somebody's answer."""

OPEN_ENDINGS = (
    FILLERS
    # conjunctions
    | _words("and but or because cause so if that when then than while although unless until plus")
    # prepositions
    | _words(
        "to for with at on in from about of by around before after between since during near into"
    )
    # articles, possessives, pointers
    | _words(
        "a an the my your his her our their its every each some any this these another next last"
    )
    # a verb that wants more
    | _words("is are was were am be been i'm it's that's he's she's they're we're i've there's")
    | _words("i you we they he she have has had need want would could can will should do does did")
    | _words("i'd i'll we'd let's gonna wanna called named maybe like well just actually not very")
    # Spanish
    | _words(
        "y o pero porque que si cuando para por con en de del desde hasta sobre a al el la los las"
    )
    | _words("un una unos unas mi mis su sus tu es son está estoy soy era tengo quiero necesito")
)

SAID_BEFORE_MORE = _words("think guess suppose prefer rather creo prefiero")
"""Open unless the answer came before them: "I think" goes on, "Friday I think" does not."""

CLOSED_PAIRS = frozenset(
    {"come in", "came in", "check in", "walk in", "be in", "go in", "log in", "log on", "hold on"}
    | {"go on", "i am", "i do", "i have", "i can", "i would", "i will", "i did", "it is", "that is"}
    | {"i could", "i was", "they are", "it was", "you can", "of course not", "i think so"}
    | {
        "rather not",
        "probably not",
        "certainly not",
        "maybe not",
        "i'm not",
        "do that",
        "like that",
    }
    | {
        "with that",
        "about that",
        "of that",
        "is that",
        "for that",
        "i need it",
        "and so",
        "think so",
    }
    | {
        "next to last",
        "the last",
        "at last",
        "as well",
        "very well",
        "not well",
        "feel well",
        "el sí",
    }
    | {
        "creo que sí",
        "that's him",
        "the next",
        "me too",
        "no more",
        "any more",
        "to do",
        "thank you",
    }
)
"""Last two words that do end a sentence although the very last word usually does not."""

OPENERS = _words("sorry okay ok well excuse me look listen so yeah oh perdón perdon")
"""Nothing but these is the beginning of something, whatever was asked, unless it agrees or disagrees."""

ASKS_BACK = frozenset(
    {
        "that again",
        "say again",
        "once again",
        "come again",
        "repeat that",
        "repeat it",
        "repeat please",
    }
    | {"was that", "you say", "hear you", "a person", "real person", "a human", "an operator"}
    | {"again please", "that please", "person please", "otra vez", "puede repetir", "una persona"}
)
"""Last two words of a request to us: complete whatever was asked, also in the middle of a number."""

POLITE = _words("please thanks thank you gracias favor ma'am sir")
"""Who says these has finished."""

YES_NO = _words(
    "yes yeah yep yup no nope nah correct right sure exactly absolutely okay ok wrong incorrect"
    " mhm sí si correcto exacto claro"
)
NEGATIVES = _words("no nope nah wrong incorrect")
YES_SOUNDS = frozenset({"mm hmm", "mm hm", "mm mm", "uh huh", "um hum"})
BARE_SLOTS = frozenset({"day", "time", "name"})
"""Questions that are often answered with one word and a "please" behind it."""

DAYS = _words(
    "monday tuesday wednesday thursday friday saturday sunday today tomorrow weekday weekend week"
    " january february march april june july august september october november december"
    " lunes martes miércoles miercoles jueves viernes sábado sabado domingo hoy mañana semana"
    " first second third fourth fifth sixth seventh eighth ninth tenth twentieth thirtieth asap anytime"
)
MONTHS = _words(
    "january february march april may june july august september october november december"
)
BIRTH_DATE_DIGITS = 8
TIMES = _words(
    "morning afternoon evening noon midday lunchtime o'clock oclock am pm anytime early late"
    " mañana tarde noche mediodía mediodia"
)
NAME_CARRIERS = _words(
    "my name is it it's its this the first last i'm i am me llamo mi nombre es soy"
)

ONES = _words(
    "zero oh one two three four five six seven eight nine"
    " cero uno una dos tres cuatro cinco seis siete ocho nueve"
)
TEENS = _words(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    " diez once doce trece catorce quince dieciséis dieciseis diecisiete dieciocho diecinueve"
)
TENS = _words(
    "twenty thirty forty fifty sixty seventy eighty ninety"
    " veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa"
)
LIKE_DIGITS = _words(
    "to too you want wanted won once tree free for fore ford find sex sticks eighth ate hate heaven hero dose"
)
"""What a recogniser writes for digits that it mishears, by their sound: "to london" was 212 on a narrow line.
Words that people seldom say by themselves where a number is asked for: what they cost then is a longer wait."""
LONGEST_GROUP = 4
"""Words: a number is read in groups of two to four digits."""
REPEATS = {"double": 2, "triple": 3, "doble": 2}
HUNDREDS = _words("hundred cien ciento")


def evidence(text: str, asked: Asked | None, settled: bool) -> Evidence:
    """The worth of `text` while `asked` is pending; `settled` when it covers all audio up to the pause."""
    tokens = _tokens(text)
    digits = count_digits(tokens)
    return Evidence(
        words=len(tokens),
        completeness=_completeness(tokens, digits, asked),
        digits=digits,
        backchannel=is_backchannel(tokens),
        settled=settled,
    )


def is_backchannel(tokens: Sequence[str]) -> bool:
    """True for nothing but "mm-hmm", "okay", "yes" and their like."""
    if not tokens or len(tokens) > LONGEST_BACKCHANNEL:
        return False
    return " ".join(tokens) in BACKCHANNEL_PHRASES or all(word in BACKCHANNELS for word in tokens)


def count_digits(tokens: Sequence[str]) -> int:
    """How many digits are spoken: "double five twenty three" and "55 23" are both four."""
    count = 0
    repeat = 1
    after_ten = False
    for word in tokens:
        if word in REPEATS:
            repeat = REPEATS[word]
            continue
        if word.isdecimal():
            count += len(word)
        elif word in ONES:
            count += 0 if after_ten and word not in ("oh", "zero", "cero") else repeat
        elif word in TEENS or word in TENS or word in HUNDREDS:
            count += 2
        after_ten = word in TENS
        repeat = 1
    return count


def _tokens(text: str) -> tuple[str, ...]:
    lowered = _NOISE.sub(" ", text.lower().replace("’", "'"))
    return tuple(_TOKEN.findall(lowered))


def _completeness(tokens: Sequence[str], digits: int, asked: Asked | None) -> Completeness:
    if not tokens:
        return Completeness.NONE
    if asked is not None and asked.digits and digits:
        return Completeness.ANSWERED if digits >= asked.digits else Completeness.OPEN
    if " ".join(tokens[-2:]) in ASKS_BACK:
        return Completeness.ANSWERED
    if asked is not None and asked.slot == "birth_date" and (digits or _names_a_month(tokens)):
        return _dated(tokens, digits)
    if asked is not None and asked.digits and _may_be_digits(tokens):
        return Completeness.OPEN
    if _ends_open(tokens) and not (asked is not None and is_backchannel(tokens)):
        return Completeness.OPEN
    if _only_opens(tokens, asked) or _only_carries(tokens, asked):
        return Completeness.OPEN
    if asked is not None and _answers(tokens, digits, asked):
        return Completeness.BARE if _is_bare(tokens, asked) else Completeness.ANSWERED
    if tokens[-1] in SAID_BEFORE_MORE or all(word in FILLERS for word in tokens):
        return Completeness.OPEN
    return Completeness.PLAUSIBLE


def _names_a_month(tokens: Sequence[str]) -> bool:
    return not MONTHS.isdisjoint(tokens)


def _dated(tokens: Sequence[str], digits: int) -> Completeness:
    """A birth date is said in parts, with breaths between them: whole with its year only."""
    year = digits >= 4 or (digits >= 1 and "thousand" in tokens)
    whole = year if _names_a_month(tokens) else digits >= BIRTH_DATE_DIGITS
    return Completeness.ANSWERED if whole else Completeness.OPEN


def _may_be_digits(tokens: Sequence[str]) -> bool:
    """A group of a number, misheard: few words, and at least half of them sound like digits."""
    alike = sum(word in LIKE_DIGITS for word in tokens)
    agrees = not (POLITE | BACKCHANNELS).isdisjoint(tokens)
    return len(tokens) <= LONGEST_GROUP and 2 * alike >= len(tokens) and not agrees


def _ends_open(tokens: Sequence[str]) -> bool:
    if tokens[-1] not in OPEN_ENDINGS:
        return False
    return not any(" ".join(tokens[-length:]) in CLOSED_PAIRS for length in (2, 3))


def _only_opens(tokens: Sequence[str], asked: Asked | None) -> bool:
    """Only "sorry", "hi", "okay so": more is to come, unless a yes or no was asked for."""
    if asked is not None and asked.slot in ("confirm", "recording"):
        return False
    return all(word in OPENERS or word in FILLERS for word in tokens)


def _only_carries(tokens: Sequence[str], asked: Asked | None) -> bool:
    """What comes before a name and no name: "my name it", as "my name is" is heard on a narrow line, which has no "s"."""
    if asked is None or asked.slot != "name":
        return False
    return all(word in NAME_CARRIERS or word in FILLERS for word in tokens)


def _is_bare(tokens: Sequence[str], asked: Asked) -> bool:
    """One word of an answer, fillers aside: "Tuesday", "um David"."""
    if asked.slot not in BARE_SLOTS or tokens[-1] in POLITE:
        return False
    return sum(word not in FILLERS for word in tokens) == 1


def _answers(tokens: Sequence[str], digits: int, asked: Asked) -> bool:
    """Does it have the shape of an answer to this slot? Open questions have no shape."""
    match asked.slot:
        case "confirm" if tokens[0] in NEGATIVES and len(tokens) <= 2:
            return False  # "no" to a read-back is mostly the beginning of what is right
        case "confirm" | "recording":
            return not YES_NO.isdisjoint(tokens) or " ".join(tokens) in YES_SOUNDS
        case "day":
            return digits > 0 or not DAYS.isdisjoint(tokens)
        case "time":
            return digits > 0 or not TIMES.isdisjoint(tokens)
        case "name":
            return any(word not in NAME_CARRIERS and word not in FILLERS for word in tokens)
        case _:
            return False
