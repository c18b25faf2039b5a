"""Make the safe word lists the redactor packs: English from SCOWL (Debian wamerican-small, wamerican and -large), the rest written here.

python -m tools.make_lexicon FOLDER_OF_SCOWL FOLDER_OF_CENSUS

The first holds american-english-small, american-english and american-english-large; the second the 1990 name files of the United
States Census Bureau (dist.all.last, dist.female.first, dist.male.first; public domain). The census files only take
words away: from the middle list and our later Spanish words what many are called, from the large list whatever anybody is called.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parent / "lexicon"
TARGET = Path(__file__).parents[1] / "phi" / "lexicon"

NAMES_AMONG_WORDS = frozenset(
    [
        "bob",
        "bobby",
        "jimmy",
        "peter",
        "tony",
        "harry",
        "molly",
        "polly",
        "sally",
        "nelly",
        "willy",
        "benny",
        "johnny",
        "carol",
        "tommy",
        "charlie",
        "jerry",
        "dolly",
        "jenny",
        "barb",
        "tom",
        "sam",
        "ted",
        "ned",
        "tim",
        "ron",
        "rob",
        "dick",
        "kitty",
        "betty",
        "barbie",
        "mickey",
        "mike",
        "josh",
        "jack",
        "joey",
        "billy",
        "freddy",
        "teddy",
        "terry",
        "toby",
        "tad",
        "dexter",
        "jock",
        "mac",
        "moll",
        "pam",
        "patsy",
        "reuben",
        "rene",
        "roger",
        "romeo",
        "saul",
        "scot",
        "shelly",
        "sonny",
        "troy",
        "victor",
        "vic",
        "vince",
        "ernest",
        "fay",
        "flo",
        "henry",
        "herb",
        "abigail",
        "adonis",
        "alec",
        "ali",
        "annette",
        "basil",
        "benedict",
        "bertha",
        "bridget",
        "casanova",
        "celeste",
        "celia",
        "colin",
        "conan",
        "daphne",
        "delilah",
        "derrick",
        "dexter",
        "earl",
        "elvis",
        "emery",
        "eunice",
        "evelyn",
        "fabian",
        "florence",
        "frances",
        "francis",
        "georgette",
        "gilbert",
        "guy",
        "hector",
        "herman",
        "isabella",
        "jacob",
        "jasper",
        "jeremiah",
        "jezebel",
        "josephine",
        "juan",
        "judas",
        "kirk",
        "lazarus",
        "leonard",
        "lily",
        "louis",
        "louisa",
        "magdalene",
        "malachi",
        "marcel",
        "marina",
        "martin",
        "mason",
        "maurice",
        "maxwell",
        "melvin",
        "methuselah",
        "michael",
        "mohammed",
        "morris",
        "moses",
        "napoleon",
        "oscar",
        "oswald",
        "otto",
        "percy",
        "philip",
        "philippa",
        "pierre",
        "quentin",
        "randal",
        "raphael",
        "rex",
        "rodney",
        "samson",
        "sanchez",
        "santiago",
        "sebastian",
        "sheila",
        "sherwood",
        "solomon",
        "stanley",
        "sylvan",
        "thomas",
        "timothy",
        "valentine",
        "veronica",
        "vincent",
        "virgil",
        "walton",
        "warren",
        "wendy",
        "wilson",
        "winifred",
        "bailey",
        "barney",
        "bernard",
        "bertie",
        "bradley",
        "brad",
        "bryan",
        "cory",
        "cody",
        "craig",
        "curtis",
        "dante",
        "darren",
        "darius",
        "davy",
        "dennis",
        "derek",
        "desmond",
        "dirk",
        "donald",
        "duncan",
        "dwight",
        "eddy",
        "edgar",
        "elmer",
        "emma",
        "eric",
        "eugene",
        "evan",
        "fergus",
        "floyd",
        "fred",
        "garth",
        "gavin",
        "lopez",
        "garcia",
        "martinez",
        "hernandez",
        "jones",
        "johnson",
        "williams",
        "davis",
        "rodriguez",
        "anderson",
        "jackson",
        "thompson",
        "nelson",
        "mitchell",
        "roberts",
        "phillips",
        "evans",
        "edwards",
        "collins",
        "reuben",
        "rufus",
        "samantha",
        "trevor",
        "una",
        "ursula",
        "vera",
        "wallace",
        "wesley",
        "yolanda",
        "zoe",
        "maria",
        "alma",
        "ana",
        "angela",
        "anita",
        "annie",
        "arturo",
        "carla",
        "carlos",
        "cecilia",
        "claudia",
        "cynthia",
        "diana",
        "diego",
        "elena",
        "elisa",
        "eva",
        "fatima",
        "felipe",
        "fernando",
        "florence",
        "gloria",
        "hanna",
        "hannah",
        "helen",
        "ines",
        "irene",
        "isabel",
        "ivan",
        "jaime",
        "javier",
        "jean",
        "jeanne",
        "jesse",
        "jill",
        "joan",
        "jorge",
        "jose",
        "juana",
        "judith",
        "julian",
        "karen",
        "karl",
        "katherine",
        "kent",
        "kristin",
        "laura",
        "leila",
        "lena",
        "leo",
        "leon",
        "lola",
        "lorena",
        "lorenzo",
        "lucas",
        "lucia",
        "lucy",
        "luis",
        "luna",
        "lupe",
        "magdalena",
        "manuel",
        "marcos",
        "margaret",
        "maria",
        "marian",
        "mario",
        "marta",
        "martha",
        "mary",
        "mateo",
        "maya",
        "mercedes",
        "mia",
        "miguel",
        "mila",
        "monica",
        "nadia",
        "naomi",
        "natalia",
        "nell",
        "nico",
        "nina",
        "noel",
        "nora",
        "norma",
        "olga",
        "oliver",
        "omar",
        "orlando",
        "pablo",
        "paco",
        "paloma",
        "pedro",
        "petra",
        "quinn",
        "ramon",
        "raul",
        "rebecca",
        "regina",
        "ricardo",
        "rita",
        "rosemary",
        "ruth",
        "salvador",
        "santos",
        "sara",
        "sergio",
        "simon",
        "sofia",
        "soledad",
        "sylvia",
        "tara",
        "teresa",
        "tina",
        "tito",
        "tomas",
        "toni",
        "val",
        "vera",
        "victoria",
        "vivian",
        "ximena",
        "yuri",
        "abraham",
        "adrian",
        "alan",
        "albert",
        "alexander",
        "alice",
        "allen",
        "amy",
        "andrea",
        "andrew",
        "arthur",
        "barbara",
        "benjamin",
        "brandon",
        "brenda",
        "brian",
        "bruce",
        "carl",
        "catherine",
        "cheryl",
        "christopher",
        "daniel",
        "david",
        "deborah",
        "doris",
        "douglas",
        "elizabeth",
        "eugene",
        "evelyn",
        "gary",
        "george",
        "gerald",
        "gregory",
        "harold",
        "heather",
        "howard",
        "jacqueline",
        "james",
        "jason",
        "jeffrey",
        "jennifer",
        "jessica",
        "joseph",
        "joyce",
        "keith",
        "kenneth",
        "kevin",
        "larry",
        "lawrence",
        "lisa",
        "marilyn",
        "martin",
        "matthew",
        "megan",
        "melissa",
        "nancy",
        "nathan",
        "nicholas",
        "nicole",
        "pamela",
        "patricia",
        "patrick",
        "paul",
        "philip",
        "rachel",
        "ralph",
        "richard",
        "robert",
        "ronald",
        "russell",
        "ryan",
        "sandra",
        "sarah",
        "scott",
        "sharon",
        "shirley",
        "stephen",
        "steven",
        "susan",
        "teresa",
        "theresa",
        "tyler",
        "virginia",
        "walter",
        "wayne",
        "william",
        "zachary",
    ]
)
"""Names that also stand in word lists in lower case: a caller's name far more often than the word."""

PRESENT = {
    "ar": "o as a amos an e es emos en aba abas abamos aban aste o amos aron are aras ara aremos aran aria arias ariamos arian ara aran arla arlo arle arme arse arnos ando andome andole ado ada ados adas ase aramos eme ela elo ele ame alo ala ese ense enlo enla",
    "er": "o es e emos en a as amos an ia ias iamos ian i iste io imos ieron ere eras era eremos eran eria erian iera ieran erla erlo erle erme erse iendo ido ida idos idas ase anse alo ala ame",
    "ir": "o es e imos en a as amos an ia ias iamos ian i iste io ieron ire iras ira iremos iran iria irian iera ieran irla irlo irle irme irse iendo ido ida idos idas ase anse alo ala ame",
}
SPELLING = (("car", "qu"), ("gar", "gu"), ("zar", "c"), ("ger", "j"), ("gir", "j"))


def verb_forms(infinitive: str) -> Iterator[str]:
    """The regular forms of a Spanish verb, without accents; irregular ones are listed by hand."""
    stem, kind = infinitive[:-2], infinitive[-2:]
    yield infinitive
    for ending in PRESENT[kind].split():
        yield stem + ending
    for tail, changed in SPELLING:
        if infinitive.endswith(tail):
            vowels = (
                ("e", "es", "emos", "en", "ela", "elo", "eme") if kind == "ar" else ("o", "a", "an")
            )
            for vowel in vowels:
                yield stem[:-1] + changed + vowel
    if kind != "ar" and stem[-1] in "aeou":
        yield from (stem + ending for ending in ("yo", "yeron", "yendo", "yen", "ye", "yo", "ya"))
    if infinitive.endswith(("cer", "cir")):
        yield from (stem[:-1] + "zc" + ending for ending in ("o", "a", "an", "amos"))


def noun_forms(word: str) -> Iterator[str]:
    """Singular, plural and diminutive of a Spanish noun."""
    yield word
    yield word[:-1] + "ces" if word.endswith("z") else word + ("s" if word[-1] in "aeiou" else "es")
    if word[-1] in "ao" and len(word) > 4:
        yield word[:-1] + "it" + word[-1]
        yield word[:-1] + "it" + word[-1] + "s"


def adjective_forms(word: str) -> Iterator[str]:
    """The forms of a Spanish adjective by gender and number."""
    bases = [word, word[:-1] + "a"] if word.endswith("o") else [word]
    for base in bases:
        yield from noun_forms(base)
    if word.endswith("o"):
        yield word[:-1] + "amente"
        yield word[:-1] + "isimo"
        yield word[:-1] + "isima"


def section(path: Path) -> Iterator[tuple[str, str]]:
    """The words of a source file with the heading each stands under."""
    heading = ""
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif not line.startswith("#"):
            for word in line.split():
                yield heading, word


def spanish(census: Path) -> set[str]:
    """Every Spanish form; of the later words none that is a frequent surname."""
    inflect = {"verbs": verb_forms, "nouns": noun_forms, "adjectives": adjective_forms}
    found: dict[str, set[str]] = {}
    written: set[str] = set()
    for name in ("spanish.txt", "spanish_more.txt"):
        words = found.setdefault(name, set())
        for heading, word in section(SOURCES / name):
            words.update(inflect[heading](word) if heading in inflect else (word,))
            if name == "spanish.txt":
                written.add(word)
    given, frequent = given_names(census), given_names(census, FREQUENT_GIVEN)
    later = found["spanish_more.txt"] - set(surnames(census)[:FREQUENT_SURNAMES]) - given
    return written | (found["spanish.txt"] - frequent) | later


FREQUENT_SURNAMES = 15_000
LEAST_LETTERS = 4
"""The large list's shorter words are abbreviations and rarities; short names are many."""


def surnames(census: Path) -> list[str]:
    """The surnames of the census, the most frequent first."""
    return [line.split()[0].lower() for line in (census / "dist.all.last").read_text().splitlines()]


FREQUENT_GIVEN = 300


def given_names(census: Path, most: int | None = None) -> set[str]:
    """The given names of the census, or the most frequent of either sex."""
    return {
        line.split()[0].lower()
        for part in ("dist.female.first", "dist.male.first")
        for line in (census / part).read_text().splitlines()[:most]
    }


def english(scowl: Path, census: Path) -> set[str]:
    """The words SCOWL writes in lower case, less those that are names."""
    found = _lower_case(scowl / "american-english-small")
    named = surnames(census)
    given = given_names(census)
    middle = _lower_case(scowl / "american-english")
    large = {w for w in _lower_case(scowl / "american-english-large") if len(w) >= LEAST_LETTERS}
    found |= middle - given - set(named[:FREQUENT_SURNAMES])
    found |= large - middle - given - set(named)
    found |= {word for _, word in section(SOURCES / "spoken.txt")}
    return found - NAMES_AMONG_WORDS


def _lower_case(scowl: Path) -> set[str]:
    lines = scowl.read_text().splitlines()
    return {w for w in lines if w.isascii() and w.isalpha() and w.islower() and len(w) > 1}


def write(name: str, found: set[str]) -> None:
    """Pack a list, the same bytes for the same words."""
    packed = gzip.compress("\n".join(sorted(found)).encode(), mtime=0)
    (TARGET / name).write_bytes(packed)
    print(f"{name}: {len(found)} words, {len(packed)} bytes")


def main() -> None:
    """Write the three lists."""
    scowl, census = Path(sys.argv[1]), Path(sys.argv[2])
    write("english.txt.gz", english(scowl, census))
    write("spanish.txt.gz", spanish(census))
    common = {w for f in ("clinical.txt", "log.txt") for _, w in section(SOURCES / f)}
    write("common.txt.gz", common)


if __name__ == "__main__":
    main()
