"""Employers, schools and facilities by name; payers, chains and "the clinic" stay."""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.kinds import Kind, Layer, Span
from phi.lexicon import COMMON, GIVEN, NUMBER, PLACEHOLDER, TAIL, WORD
from phi.names import NameReader
from phi.namesakes import PLAIN_GIVEN
from phi.tokens import Line

GENERIC_PLACES = cues.words("""
 home work school hospital clinic house pain bed care town city country area place state states apartment office rehab college here there church time times bank store pharmacy night nights
 nursing assisted shelter hotel car bathroom kitchen room surgery insurance today tomorrow person general trouble charge fact line touch case order network order advance
 downtown rural north south east west northern southern eastern western usa the a an my your our his her their this that another same different new old big small nearby next
 casa trabajo hospital clinica escuela ciudad pueblo pais estado emergencia urgencias aqui alla urgent emergency front back middle hours days weeks months minutes english spanish
 front morning afternoon evening it them him me you us anyone someone work yesterday last now then where which one two three four five six what bad good severe constant lot lots
""")
GENERIC_ORGS = GENERIC_PLACES | cues.words("""
 office desk company warehouse restaurant factory store shop construction retail government county city state myself family full part nights days weekends remotely online free
 people different local large small startup daycare university farm airport hospital high middle elementary grade kindergarten law medical graduate public private living me anymore
 desk computers kids children software tech food fast delivery night-shift and but so because i empresa fabrica restaurante tienda oficina construccion el la un una mi
 amazon walmart target google apple microsoft uber fedex ups costco starbucks publix kroger
""")
GENERIC_FACILITY = cues.words("""
 the a an my your our this that their his her to from in at of and or by for any another same different new other local nearest closest main general children's childrens veterans county city
 university outpatient inpatient urgent primary specialty emergency walk-in walkin pain sleep eye dental foot skin heart stroke cancer wound diabetes women's womens men's mental behavioral home public private
 health medical care animal retail online mail order specialty nursing community regional free small big nice is was closed open leave left called call into out went go visit see el la una un del de en al su mi
 family surgical pediatric pediatrics cardiology dermatology orthopedic physical occupational rehab nearby which what next every each patient insurance your about with regular usual current old previous cvs walgreens walmart
 kroger costco publix safeway quest labcorp kaiser rite aid blood imaging doctor's doctors during after before back near was no if when hospital clinic pharmacy center office good better best flu fever covid vaccine travel
 contact service hours phone fax number name billing appointment on has have had get got find need needs want take take tell ask send sent using use changed change preferred switch same-day it's that's not
""")


def _span(line: Line, first: int, end: int, kind: Kind) -> Span:
    return Span(line.starts[first], line.ends[end - 1], kind, Layer.PLACES)


def organisation(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """An employer or a school after "work at"."""
    j = i + 1
    while j < line.count and j - i < 3 and line.words[j] in BEFORE_ORG:
        j += 1
    first = j
    if j < line.count and line.words[j] in cues_es.ORG_HEADS_ES:
        j += 1
        while j < line.count and line.words[j] in ("las", "los", "la", "el", "de", "del"):
            j += 1
    while j < line.count and j - first < ORG_WORDS_MAX:
        word = line.words[j]
        if j > first and _joins(line, j, reader):
            j += 1
            continue
        if word in GENERIC_ORGS and j == first and not _proper_first(line, i, j, reader):
            break
        if not _goes_on(line, j, reader) and not (j > first and word in SCHOOLS):
            break
        j += 1
    if j == first:
        return
    if j == first + 1 and (
        line.words[first] in GENERIC_ORGS or line.flags[first] & (TAIL | COMMON)
    ):
        return
    if all(line.words[k] in GENERIC_ORGS or line.flags[k] & TAIL for k in range(first, j)):
        return
    yield _span(line, first, j, Kind.ORG)


def _proper_first(line: Line, i: int, j: int, reader: NameReader) -> bool:
    """Whether "general" or "first" begins a name: no article before it, a particular word behind it."""
    return (
        j == i + 1
        and line.words[j] in PROPER_FIRST
        and j + 1 < line.count
        and _goes_on(line, j + 1, reader)
        and line.words[j + 1] not in GENERIC_ORGS
    )


PROPER_FIRST = cues.words(
    "general first united american national little big old new north south east west great grand royal"
)
BEFORE_ORG = cues.words("the el la : a called uh um named llamada un una \" '")
ORG_WORDS_MAX = 6


def _goes_on(line: Line, j: int, reader: NameReader) -> bool:
    flag = line.flags[j]
    return bool(flag & WORD) and not flag & (PLACEHOLDER | reader.stop)


def _joins(line: Line, j: int, reader: NameReader) -> bool:
    """Whether "and", "of" or "&" goes on with the name of an organisation."""
    word = line.words[j]
    if j + 1 >= line.count or not _goes_on(line, j + 1, reader):
        return False
    if word in ("&", "'", "-"):
        return True
    if word in ("of", "de", "del", "la"):
        return True
    return word in ("and", "y") and (
        reader.capital(j + 1) or bool(j + 2 < line.count and line.flags[j + 1] & TAIL)
    )


def business(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """A trade behind a name: "cole packaging", "Ackerman Roofing LLC"."""
    k = i - 1
    while k >= 0 and i - k <= 3 and (reader.unknown(k) or reader.capital(k)):
        k -= 1
    if k == i - 1 and (named := _own_business(line, i, reader)):
        k = named - 1
    elif k == i - 1 and not (
        line.flags[k] & GIVEN and line.words[k] in PLAIN_GIVEN and k and line.words[k - 1] in TO_ORG
    ):
        return
    first = k + 1 if k < i - 1 else k
    if line.flags[first] & COMMON and first == i - 1:
        return
    end = i + 1
    while end < line.count and line.flags[end] & TAIL:
        end += 1
    yield _span(line, first, end, Kind.ORG)


def _own_business(line: Line, i: int, reader: NameReader) -> int | None:
    """The first word of "heron bakery" after "own", "run", "called" or "at"."""
    k = i - 1
    while k > 0 and i - k <= 3 and _goes_on(line, k, reader) and line.words[k] not in GENERIC_ORGS:
        k -= 1
    if k == i - 1 or line.words[k] not in ("own", "owns", "run", "runs", "called", "at"):
        return None
    return k + 1


TO_ORG = cues.words("to at for with from en para de")
TRADES = cues.words(
    "packaging roofing logistics plumbing electric electrical construction landscaping lumber dairy freight hauling trucking transport transportation shipping warehouse produce seafood fabrication machining tooling welding painting cleaning catering salon spa bank realty properties hardware motors garage supply studios cafe grill pizzeria tavern brewery winery textiles plastics chemical energy mining consulting staffing accounting marketing ministries foods industries enterprises airlines mills farms bakery diner brothers sons steel manufacturing solutions technologies systems partners associates inc llc corp ltd corporation company"
)


def facility(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    """Find "Saint mary's hospital": the name before the word that says what it is."""
    word = line.words[i]
    if word in cues_es.FACILITY_HEADS_ES | cues_es.ORG_HEADS_ES:
        yield from _facility_es(line, i, reader)
    if word in TRADES:
        yield from business(line, i, reader)
    if word not in FACILITY_ENDS and word not in cues.FACILITY_TAILS and word not in cues.ORG_TAILS:
        return
    two = i + 1 < line.count and line.words[i + 1] in cues.FACILITY_SECOND
    if word not in FACILITY_ENDS and not two and word not in SCHOOLS:
        return
    k = i - 1
    while (
        k >= 0
        and i - k <= 4
        and line.flags[k] & WORD
        and not line.flags[k] & (PLACEHOLDER | NUMBER)
        and (
            not (line.flags[k] & reader.stop or line.words[k] in GENERIC_FACILITY)
            or (line.words[k] in LEVELS and k > 0)
        )
    ):
        k -= 1
    first = k + 1
    # Words like "general" or "family" belong to the name only where something particular comes before them.
    if first >= i or not any(_particular(line, m, reader) for m in range(first, i)):
        return
    end = i + (2 if two else 1)
    while end < line.count and line.flags[end] & TAIL and line.words[end] != "group":
        end += 1
    yield _span(line, first, end, Kind.ORG if word in SCHOOLS else Kind.FACILITY)


def _particular(line: Line, m: int, reader: NameReader) -> bool:
    word = line.words[m]
    if word in GENERIC_FACILITY or word in GENERIC_ORGS:
        return False
    if reader.capital(m) or reader.unknown(m):
        return True
    return word in (
        "mercy",
        "grace",
        "memorial",
        "saint",
        "st",
        "sacred",
        "lake",
        "river",
        "riverside",
        "valley",
        "park",
        "oak",
        "sunrise",
        "sunset",
        "hope",
        "good",
        "samaritan",
        "trinity",
        "baptist",
        "methodist",
        "presbyterian",
        "lutheran",
        "hillside",
        "lakeside",
        "bayside",
        "north",
        "south",
        "east",
        "west",
        "northside",
        "southside",
        "eastside",
        "westside",
        "lincoln",
        "washington",
        "jefferson",
        "roosevelt",
        "franklin",
        "madison",
        "pine",
        "cedar",
        "maple",
        "willow",
        "elm",
        "spring",
        "springs",
        "harbor",
        "bay",
        "mountain",
        "summit",
        "green",
        "golden",
        "liberty",
        "heritage",
        "unity",
        "providence",
        "evergreen",
        "meadow",
        "meadows",
        "brook",
        "creek",
        "hills",
        "hill",
        "ridge",
        "grove",
        "bright",
        "star",
        "holy",
        "cross",
        "heart",
        "angels",
        "children's",
    ) and word not in ("heart", "good", "children's")


FACILITY_ENDS = cues.words(
    "hospital clinic pharmacy hospice infirmary dental dentistry orthopedics pediatrics dermatology cardiology oncology rehab rehabilitation"
)
LEVELS = cues.words("middle high elementary primary junior senior")
SCHOOLS = cues.words(
    "school elementary academy university college highschool preschool daycare high middle"
)


def _facility_es(line: Line, i: int, reader: NameReader) -> Iterator[Span]:
    j = i + 1
    if j < line.count and line.words[j] == "general":
        j += 1
    if j < line.count and line.words[j] in ("de", "del") and j + 1 < line.count:
        j += 1
        if line.words[j] in ("la", "los", "las", "el"):
            j += 1
    first = j
    while (
        j < line.count
        and j - first < 4
        and line.flags[j] & WORD
        and not line.flags[j] & (PLACEHOLDER | NUMBER)
        and (
            not line.flags[j] & reader.stop
            or (
                j > first
                and line.words[j] in ("de", "del", "la")
                and j + 1 < line.count
                and not line.flags[j + 1] & reader.stop
            )
        )
    ):
        j += 1
    names = [
        m
        for m in range(first, j)
        if line.words[m] in ("san", "santa", "santo", "nuestra", "sagrado", "buen")
        or reader.unknown(m)
        or reader.capital(m)
    ]
    if names:
        yield _span(line, i + 1, j, Kind.FACILITY)
