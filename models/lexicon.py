"""How words sound, in the phones of the English acoustic model.

The dictionary of the wheel comes first, then what the clinic gave, then letters read aloud for
what looks like an abbreviation, then plain letter-to-sound rules: an operator may write any word
and it will be heard, if not always well. It refuses to know what the words are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from models.errors import EngineUnavailable

LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY",
    "h": "EY CH", "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N",
    "o": "OW", "p": "P IY", "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW",
    "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip
PHONES = frozenset(
    [
        "AA",
        "AE",
        "AH",
        "AO",
        "AW",
        "AY",
        "B",
        "CH",
        "D",
        "DH",
        "EH",
        "ER",
        "EY",
        "F",
        "G",
        "HH",
        "IH",
        "IY",
        "JH",
        "K",
        "L",
        "M",
        "N",
        "NG",
        "OW",
        "OY",
        "P",
        "R",
        "S",
        "SH",
        "T",
        "TH",
        "UH",
        "UW",
        "V",
        "W",
        "Y",
        "Z",
        "ZH",
    ]
)

# longest spelling first; a rule applies where its spelling starts
_RULES: tuple[tuple[str, str], ...] = (
    ("tion", "SH AH N"), ("sion", "ZH AH N"), ("ough", "AO"), ("eigh", "EY"), ("augh", "AO"),
    ("tch", "CH"), ("sch", "SH"), ("igh", "AY"), ("eau", "OW"), ("eer", "IH R"), ("ear", "IH R"),
    ("air", "EH R"), ("our", "AO R"), ("oor", "AO R"), ("ous", "AH S"), ("ture", "CH ER"),
    ("ch", "CH"), ("sh", "SH"), ("th", "TH"), ("ph", "F"), ("wh", "W"), ("ck", "K"), ("ng", "NG"),
    ("qu", "K W"), ("gh", "G"), ("kn", "N"), ("wr", "R"), ("ps", "P S"), ("rh", "R"), ("ee", "IY"),
    ("ea", "IY"), ("oo", "UW"), ("ou", "AW"), ("ow", "OW"), ("oi", "OY"), ("oy", "OY"),
    ("ai", "EY"), ("ay", "EY"), ("ei", "EY"), ("ey", "IY"), ("ie", "IY"), ("oa", "OW"),
    ("oe", "OW"), ("ue", "UW"), ("au", "AO"), ("aw", "AO"), ("ew", "UW"), ("ar", "AA R"),
    ("er", "ER"), ("ir", "ER"), ("or", "AO R"), ("ur", "ER"), ("ce", "S"), ("ci", "S IH"),
    ("cy", "S IY"), ("ge", "JH"), ("gi", "JH IH"), ("bb", "B"), ("cc", "K"), ("dd", "D"),
    ("ff", "F"), ("gg", "G"), ("ll", "L"), ("mm", "M"), ("nn", "N"), ("pp", "P"), ("rr", "R"),
    ("ss", "S"), ("tt", "T"), ("zz", "Z"), ("a", "AE"), ("b", "B"), ("c", "K"), ("d", "D"),
    ("e", "EH"), ("f", "F"), ("g", "G"), ("h", "HH"), ("i", "IH"), ("j", "JH"), ("k", "K"),
    ("l", "L"), ("m", "M"), ("n", "N"), ("o", "AA"), ("p", "P"), ("q", "K"), ("r", "R"),
    ("s", "S"), ("t", "T"), ("u", "AH"), ("v", "V"), ("w", "W"), ("x", "K S"), ("y", "IY"),
    ("z", "Z"),
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_VARIANT = re.compile(r"\(\d+\)\Z")
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def words_of(text: str) -> list[str]:
    """The words of a written sentence as the recogniser spells them: lower case, digits by name."""
    spelled = re.sub(r"\d", lambda digit: f" {_DIGITS[int(digit[0])]} ", text.replace("’", "'"))
    return [
        word for word in (found.strip("'-") for found in _WORD.findall(spelled.lower())) if word
    ]


def abbreviations(texts: Iterable[str]) -> frozenset[str]:
    """Words written in capitals (MRI, TB shot), lower-cased: they may be read letter by letter."""
    found = (word for text in texts for word in re.findall(r"\b[A-Z]{2,5}\b", text))
    return frozenset(word.lower() for word in found)


class Lexicon:
    """Pronunciations of the wheel's dictionary, the clinic's additions and a fallback for the rest."""

    def __init__(
        self,
        dictionary: Path,
        additions: Mapping[str, str],
        spelled: frozenset[str] = frozenset(),
    ) -> None:
        """Read the dictionary once; a faulty addition raises ValueError naming the word."""
        try:
            lines = dictionary.read_text(encoding="latin-1").splitlines()
        except OSError:
            raise EngineUnavailable(
                f"{dictionary.name} is missing: reinstall pocketsphinx"
            ) from None
        self._known: dict[str, list[str]] = {}
        for line in lines:
            word, _, phones = line.partition(" ")
            self._known.setdefault(_VARIANT.sub("", word), []).append(phones.strip())
        for word, readings in additions.items():
            for phones in reversed(readings.split("|")):
                wrong = [phone for phone in phones.split() if phone not in PHONES]
                if wrong or not phones.split():
                    raise ValueError(f"pronunciation of {word!r}: unknown phones {wrong}")
                self._known.setdefault(word.lower(), []).insert(0, " ".join(phones.split()))
        self._spelled = spelled

    def __contains__(self, word: str) -> bool:
        """True when the word needs no fallback."""
        return word in self._known

    def pronounce(self, word: str) -> list[str]:
        """Every pronunciation to listen for, best first, never none."""
        found = list(self._known.get(word, ()))
        if word in self._spelled:
            found.append(spell(word))
        return found or guess(word)


def spell(word: str) -> str:
    """The names of the letters, one after another."""
    return " ".join(LETTERS[letter] for letter in word if letter in LETTERS)


def guess(word: str) -> list[str]:
    """A word nobody listed: letters when it cannot be said as a word, else by rule."""
    letters = re.sub(r"[^a-z]", "", word)
    if not letters:
        return ["AH"]
    if len(letters) <= 5 and not re.search(r"[aeiouy]", letters):
        return [spell(letters)]
    by_rule = _by_rule(letters)
    return [by_rule, spell(letters)] if len(letters) <= 3 else [by_rule]


def _by_rule(letters: str) -> str:
    silent_e = len(letters) > 3 and letters.endswith("e") and letters[-2] not in "aeiou"
    rest, phones = letters[:-1] if silent_e else letters, []
    if silent_e and letters[-2] in "cg":
        rest, tail = rest[:-1], {"c": "S", "g": "JH"}[letters[-2]]
    else:
        tail = ""
    while rest:
        spelling, sound = next(rule for rule in _RULES if rest.startswith(rule[0]))
        phones.append(sound)
        rest = rest[len(spelling) :]
    return " ".join([*phones, tail]).strip()
