"""How the practice wants words to be said: drugs, providers, places; read from its file once and checked.

A word gets a respelling ("met for min"), which every voice can say, or phonemes between slashes ("/wɪn/"), which a
Piper voice says exactly; or both. Knows no voice.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import EngineUnavailable
from models.ports import Language

SETTING = "engines.pronunciations"
MAX_ENTRIES = 5_000
MAX_CHARACTERS = 80
SHIPPED = Path(__file__).resolve().parent / "words" / "pronunciations.toml"
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_RESPELLING = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")
_PHONEMES = re.compile(r"/([^/]+)/")
IPA = frozenset(
    " abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɡɢɣɤɥɦɨɪɫɬɭɮɯɰɱɲɳɴɵɸɹɺɻɽɾʀʁʂʃʈʉʊʋʌʍʎʏʐʑʒʔʝʲˈˌːˑβθχᵻ"
    "\u0303\u0327\u0329\u032a\u032f"
)
"""What voices for espeak-ng's phonemes know."""


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """How one word is said."""

    spoken: str = ""
    """A respelling; empty: as it is written."""
    phonemes: str = ""
    """In IPA; empty: as it is spelled."""


class Pronunciations:
    """Words of both languages, whatever their capitals."""

    def __init__(self, words: Mapping[tuple[Language, str], Pronunciation] | None = None) -> None:
        """Words in small letters; none: everything is said as it is spelled."""
        self._words = dict(words or {})

    def __len__(self) -> int:
        """How many words have one."""
        return len(self._words)

    def of(self, word: str, language: Language) -> Pronunciation | None:
        """How this word is said; with 's behind it, as without. None: as it is spelled."""
        key = unicodedata.normalize("NFC", word).lower()
        found = self._words.get((language, key))
        if found is None and key.endswith("'s") and language == "en":
            found = self._words.get((language, key[:-2]))
            if found is not None:
                spoken = f"{found.spoken}'s" if found.spoken else f"{word[:-2]}'s"
                return Pronunciation(spoken, f"{found.phonemes}z" if found.phonemes else "")
        return found

    @classmethod
    def read(cls, own: Path | None) -> Pronunciations:
        """The shipped words, and over them the practice's own; raises EngineUnavailable naming file, word and remedy."""
        words = _read(SHIPPED)
        if own is not None:
            words |= _read(own)
        return cls(words)


def _read(path: Path) -> dict[tuple[Language, str], Pronunciation]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise EngineUnavailable(f"{SETTING}: {path.name} cannot be read: check the path") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        at = str(error).rpartition("(")[2].rstrip(")") if "(at " in str(error) else "UTF-8"
        raise EngineUnavailable(
            f'{SETTING}: {path.name} is not TOML ({at}): write lines like metformin = "met for min"'
        ) from None
    words: dict[tuple[Language, str], Pronunciation] = {}
    for name, table in tables.items():
        language = _language(name)
        if language is None or not isinstance(table, dict):
            raise EngineUnavailable(
                f"{SETTING}: {path.name} has something else than the tables [en] and [es]: put every word under one"
            )
        for number, (word, value) in enumerate(table.items(), 1):
            key = (language, unicodedata.normalize("NFC", word).lower())
            where = f"{SETTING}: {path.name}: entry {number} of [{language}]"
            if key in words:
                raise EngineUnavailable(f"{where} is there twice: capitals make no difference")
            words[key] = _entry(where, word, value)
    if len(words) > MAX_ENTRIES:
        raise EngineUnavailable(
            f"{SETTING}: {path.name} has over {MAX_ENTRIES} words: take some out"
        )
    return words


def _language(name: str) -> Language | None:
    if name == "en":
        return "en"
    return "es" if name == "es" else None


def _entry(where: str, word: str, value: object) -> Pronunciation:
    if not _WORD.fullmatch(word) or len(word) > MAX_CHARACTERS:
        raise EngineUnavailable(f"{where} is not one word: letters and digits, without blanks")
    given = value if isinstance(value, list) else [value]
    spoken = phonemes = ""
    for one in given:
        if not isinstance(one, str) or not 0 < len(one) <= MAX_CHARACTERS or len(given) > 2:
            raise EngineUnavailable(
                f'{where} needs a respelling "met for min", phonemes "/wɪn/" or a list of both, each under'
                f" {MAX_CHARACTERS} characters"
            )
        if found := _PHONEMES.fullmatch(one):
            phonemes = unicodedata.normalize("NFD", found[1].strip())
        elif _RESPELLING.fullmatch(one):
            spoken = one
        else:
            raise EngineUnavailable(
                f"{where} is neither a respelling (letters and blanks) nor phonemes between two slashes"
            )
    if strange := sorted(set(phonemes) - IPA):
        signs = " ".join(f"U+{ord(sign):04X}" for sign in strange[:5])
        raise EngineUnavailable(f"{where} has signs that no voice knows ({signs}): write IPA")
    return Pronunciation(spoken, phonemes)
