"""Decides by rule whether words say that somebody is in danger; what to do then it refuses to know.

A grammar, not a list: ideas (body part, acute symptom, how bad) that stand near each other in one
breath raise. A denied, long past, only supposed or administrative idea does not count; a doubt
raises, and nothing said beside it lowers. Pure and linear in the length of the text.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.call.urgent_ideas import IDEAS, RULES
from pipeline.call.urgent_words import (
    ADMIN_HEADS,
    ASKED,
    ASKING,
    BACKGROUND,
    CLAUSE_ENDS,
    DOCTOR_FIELDS,
    DOCTOR_HEADS,
    DOCTOR_OWNERS,
    FAILING,
    FIGURES,
    HISTORY,
    HYPOTHETICAL,
    MEDICINE_HEADS,
    NEAR_MISSES,
    NEGATORS,
    NO_HEADS_BEHIND,
    NOT_NEGATING,
    NOW,
    OBJECTS,
    SCOPE_ENDS,
    SUPPOSING,
    VERB_HEADS,
    VISIT_HEADS,
    VISIT_KINDS,
    VISIT_OWNERS,
    VISIT_PAPERS,
    VISIT_TOLD,
    VISIT_WISHED,
    WISHED,
    WORSE,
)

LONGEST_CHARACTERS = 6_000
"""About seven minutes of speech; of a longer text the beginning and the end are read."""
NEAR_WORDS = 12
"""Ideas further apart than a clause say different things."""
MOST_READINGS = 11
"""The best and ten alternatives: what the recogniser gives."""
SCOPE_WORDS = 6
"""A "not" further away than this is not about the symptom."""

_FILLERS = frozenset(
    ["um", "uh", "er", "erm", "ah", "hm", "hmm", "mm", "eh", "uhm", "oh", "basically", "kinda"]
)
_OPENED = {
    "cant": "can not", "cannot": "can not", "won't": "will not", "wont": "will not", "shan't": "shall not",
    "can't": "can not", "ain't": "is not", "dont": "do not", "doesnt": "does not", "didnt": "did not",
    "isnt": "is not", "hasnt": "has not", "im": "i am", "ive": "i have", "wasnt": "was not",
    "nobody's": "nobody is", "gonna": "going to", "wanna": "want to", "y'all": "you all",
    "couldnt": "could not", "havent": "have not", "arent": "are not", "hes": "he is", "shes": "she is",
}  # fmt: skip
_ENDINGS = {"n't": "not", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'s": "is", "'d": "would"}  # fmt: skip
_TOKEN = re.compile(r"[a-z0-9']+|[.?!;,]")
_PRESSURE = re.compile(r"\b(\d{3})/(\d{2,3})\b")
"""A blood pressure as it is typed."""
_STOPS = frozenset(".?!;,")
_SENTENCE_ENDS = frozenset(".?!")
_ASKED_OF = (["bleeding"], ["fainting"])
_SUBJECTS = frozenset(("i", "he", "she", "it", "they", "we", "there"))
_OWNERS = frozenset(("my", "his", "her", "our", "the"))
_ENDED = frozenset(("died", "passed"))
"""Of "my father died of a heart attack", which begins something else."""
_THAT = frozenset(("it", "this", "that", "they"))
_JOINS = CLAUSE_ENDS | _STOPS
_NOT_NOW = frozenset(("had", "been", "question", "questions"))
_VERBS = frozenset(
    (
        "am",
        "is",
        "are",
        "have",
        "has",
        "feel",
        "feels",
        "can",
        "hurts",
        "hurt",
        "keep",
        "keeps",
        "went",
    )
)


OwnPhrase = tuple[str, str]
"""A phrase of the practice: the kind its flow file gives it, and its words."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """Words that must lead to the urgent sentence."""

    kind: str
    """A short token, such as "chest_pain"; never the caller's words."""
    own_phrase: bool = field(default=False, compare=False)
    """One of the practice's phrases was said, rather than a rule met."""


@dataclass(slots=True)
class _Breath:
    """One text as words, with what was found in it."""

    words: list[str]
    clauses: list[int]
    """The clause each word stands in."""
    masked: set[int] = field(default_factory=set)
    past: set[int] = field(default_factory=set)
    """Clauses about long ago or about a mere supposition."""
    worse: set[int] = field(default_factory=set)
    """Clauses about what is worse now."""
    found: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Where each idea starts and ends."""


def _expand(phrases: str) -> list[tuple[str, ...]]:
    listed = [" ".join(phrase.split()) for phrase in phrases.split("|")]
    return [
        tuple(choice)
        for phrase in listed
        if phrase
        for choice in itertools.product(*(word.split("/") for word in phrase.split()))
    ]


@dataclass(slots=True)
class _Branch:
    """Where one phrase ends and longer ones go on."""

    names: list[str] = field(default_factory=list)
    further: dict[str, _Branch] = field(default_factory=dict)


class _Lexicon:
    """Phrases as a tree of words: a place in a text costs what is said there, however many phrases begin alike."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self._root = _Branch()
        for name, phrases in entries:
            for phrase in _expand(phrases):
                branch = self._root
                for word in phrase:
                    branch = branch.further.setdefault(word, _Branch())
                branch.names.append(name)

    def at(self, words: list[str], index: int) -> Iterable[tuple[int, str]]:
        """Every phrase that starts here: where it ends and its name, the longest first."""
        found: list[tuple[int, list[str]]] = []
        branch = self._root.further.get(words[index])
        end = index + 1
        while branch is not None:
            if branch.names:
                found.append((end, branch.names))
            branch = branch.further.get(words[end]) if end < len(words) else None
            end += 1
        return [(end, name) for end, names in reversed(found) for name in names]


_NEAR = _Lexicon((right, left) for left, right in NEAR_MISSES.items())
_CONTEXT = _Lexicon(
    [("figure", FIGURES), ("history", HISTORY), ("now", NOW), ("hypothetical", HYPOTHETICAL),
     ("spared", NOT_NEGATING), ("worse", WORSE), ("wished", WISHED)]
)  # fmt: skip
_PARTINGS = _Lexicon([("asked", ASKED), ("asking", ASKING), ("background", BACKGROUND)])
_IDEAS = _Lexicon(IDEAS.items())


def _rules() -> list[tuple[str, list[str], list[str]]]:
    listed: list[tuple[str, list[str], list[str]]] = []
    for line in RULES.strip().splitlines():
        kind, alternatives = line.split(":")
        for alternative in alternatives.split("|"):
            names = alternative.split()
            near = [name for name in names if not name.startswith("~")]
            anywhere = [name[1:] for name in names if name.startswith("~")]
            listed.append((kind, near, anywhere))
    return listed


_RULES = _rules()


def classify(text: str, phrases: Sequence[OwnPhrase] = ()) -> Urgency | None:
    """The danger these words tell of, if any; `phrases` are the practice's own."""
    words = _words(text)
    if not words:
        return None
    breath = _read(words)
    for kind, phrase in phrases:
        if _says(breath, _wanted(phrase)):
            return Urgency(kind, own_phrase=True)
    for kind, near, anywhere in _RULES:
        if _together(breath, near) and all(name in breath.found for name in anywhere):
            return Urgency(kind)
    return None


def hear(texts: Iterable[str], phrases: Sequence[OwnPhrase] = ()) -> Urgency | None:
    """The danger told by any reading of one utterance: the best one and its alternatives."""
    readings = list(itertools.islice(texts, MOST_READINGS))
    if not readings:
        return None
    best, *others = readings
    found = classify(best, phrases)
    if found is not None:
        return found
    explained = _explained(best)
    raised = [other for text in others if (other := classify(text, phrases))]
    for other in raised:
        # A phrase of the practice belongs to no rule: any danger spoken of explains it.
        harmless = bool(explained) if other.own_phrase else other.kind in explained
        if not harmless or 2 * len(raised) > len(others):
            return other
    return None


def _explained(text: str) -> set[str]:
    """Kinds the text speaks of without telling of danger: denied, long ago, of the office."""
    breath = _read(_words(text), figures=False)
    return {
        kind
        for kind, near, anywhere in _RULES
        if all(name in breath.found for name in (*near, *anywhere))
    }


def _words(text: str) -> list[str]:
    """Words and stops, contractions opened, fillers dropped, near misses read as what was said."""
    if len(text) > LONGEST_CHARACTERS:
        text = f"{text[: LONGEST_CHARACTERS // 2]} . {text[-LONGEST_CHARACTERS // 2 :]}"
    plain = unicodedata.normalize("NFKD", text).replace("\u2019", "'").replace("\u2018", "'")
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign)).lower()
    plain = _PRESSURE.sub(r"\1 over \2", plain)
    words: list[str] = []
    for token in _TOKEN.findall(plain):
        words.extend(_open(token.strip("'")))
    read: list[str] = []
    index = 0
    while index < len(words):
        end, right = next(iter(_NEAR.at(words, index)), (index + 1, words[index]))
        read.extend(right.split())
        index = end
    return read


def _open(token: str) -> list[str]:
    if not token or token in _FILLERS:
        return []
    if token in _OPENED:
        return _OPENED[token].split()
    for ending, word in _ENDINGS.items():
        if token.endswith(ending) and len(token) > len(ending):
            return [token[: -len(ending)], word]
    return [token]


def _read(words: list[str], *, figures: bool = True) -> _Breath:
    """Clauses, contexts and ideas; without `figures` a way of speaking is taken at its word."""
    clauses, parted = _clauses(words)
    breath = _Breath(words, clauses)
    told: dict[str, set[int]] = {
        name: set() for name in ("history", "hypothetical", "wished", "now")
    }
    for index in range(len(words)):
        for end, name in _CONTEXT.at(words, index):
            if name == "figure":
                breath.masked.update(range(index, end) if figures else ())
            elif name == "spared":
                breath.found.setdefault("spared", []).append((index, end))
            elif name != "worse":
                told[name].add(clauses[index])
                if name == "now":
                    told[name].update(_before(clauses[index], parted))
            elif words[end : end + 1] != ["to"]:  # "it is back to normal"
                breath.worse.update(_meant(words, clauses, index))
        told["hypothetical"].update(clauses[index : index + _asks_in_general(words, index)])
        told["history"].update(clauses[index : index + _names_year(words, index)])
    breath.past = (
        (told["history"] | (told["hypothetical"] - told["wished"])) - told["now"] - breath.worse
    )
    for index in range(len(words)):
        for end, name in _IDEAS.at(words, index):
            if index not in breath.masked:
                breath.found.setdefault(name, []).append((index, end))
    return breath


def _asks_in_general(words: list[str], index: int) -> bool:
    """True of "is bleeding" where a sentence begins; "he is bleeding" tells of it."""
    begins = index == 0 or words[index - 1] in _SENTENCE_ENDS
    return begins and words[index] == "is" and words[index + 1 : index + 2] in _ASKED_OF


def _clauses(words: list[str]) -> tuple[list[int], set[int]]:
    """The clause of each word: stops, joining words, new claims, questions and what is told beside a claim begin one.

    Also which of them are such questions and asides: they go on with what was said before.
    """
    clauses: list[int] = []
    parted: set[int] = set()
    clause = begun = within = asked = 0
    for index, word in enumerate(words):
        parts = word in CLAUSE_ENDS or word in _STOPS or _claims(words, index)
        parts = parts or (0 < index == asked and (word in _SUBJECTS or word in _OWNERS))
        if not parts and index >= within:
            within, name = next(iter(_PARTINGS.at(words, index)), (within, ""))
            asked = within if name == "asked" else asked
            if name and index > begun and _may_part(words, begun, name):
                parts = True
                parted.add(clause + 1)
        if parts:
            clause, begun = clause + 1, index + (word in CLAUSE_ENDS or word in _STOPS)
        clauses.append(clause)
    return clauses, parted


def _may_part(words: list[str], begun: int, name: str) -> bool:
    """A question or an aside is no part of a clause that begins here."""
    return _asserts(words, begun) if name == "background" else words[begun] not in SUPPOSING


def _before(clause: int, parted: set[int]) -> Iterator[int]:
    """The clauses that a question or an aside goes on with."""
    while clause in parted:
        clause -= 1
        yield clause


def _asserts(words: list[str], begun: int) -> bool:
    """Something of now is told from here on: "i have", "my chest hurts", not "i have had" or "i have a question"."""
    return _claims(words, begun) and _NOT_NOW.isdisjoint(words[begun + 2 : begun + 4])


def _meant(words: list[str], clauses: list[int], index: int) -> set[int]:
    """The clauses that a word is about: its own, and the one before it where that begins with "it" or with the word."""
    begun = bisect_left(clauses, clauses[index])
    while begun < index and words[begun] in _JOINS:
        begun += 1
    if words[begun] not in _THAT and begun != index:
        return {clauses[index]}
    before = begun - 1
    while before >= 0 and words[before] in _JOINS:
        before -= 1
    return {clauses[index], clauses[max(0, before)]}


def _claims(words: list[str], index: int) -> bool:
    """A new sentence about here and now starts: "would you see me, I have chest pain"."""
    before = words[index - 1] if index else ""
    if words[index] in _OWNERS:
        return any(word in _VERBS or word in _ENDED for word in words[index + 2 : index + 4])
    if words[index] not in _SUBJECTS or index + 1 == len(words):
        return False
    verb = words[index + 1]
    if before in ("if", "when", "where", "do", "did", "would", "could", "should"):
        return words[index] in ("i", "he", "she") and verb in ("am", "is", "can") and before == "if"
    return verb in _VERBS


def _names_year(words: list[str], index: int) -> bool:
    following = words[index + 1 : index + 3]
    return words[index] == "in" and bool(following) and (
        bool(re.fullmatch(r"(19|20)\d\d", following[0])) or following in (["two", "thousand"], ["twenty", "nineteen"])
    )  # fmt: skip


def _together(breath: _Breath, names: list[str]) -> bool:
    """Every idea is told of here and now, each near the first."""
    if not all(name in breath.found for name in names):
        return False
    first, *others = ([at for at in breath.found[name] if _counts(breath, *at)] for name in names)
    starts = [[start for start, _ in places] for places in others]
    return any(all(_near(places, start) for places in starts) for start, _ in first)


def _near(starts: list[int], position: int) -> bool:
    at = bisect_left(starts, position - NEAR_WORDS)
    return at < len(starts) and starts[at] <= position + NEAR_WORDS


def _counts(breath: _Breath, start: int, end: int) -> bool:
    """Not denied, not long ago, not supposed and not a noun of the office."""
    if breath.clauses[start] in breath.past:
        return False
    if breath.clauses[start] not in breath.worse and _of_the_office(breath.words, end):
        return False
    return not _denied(breath, start)


def _of_the_office(words: list[str], end: int) -> bool:
    """A key word that ends here belongs to a noun of the office: "stroke clinic", "my last chest pain visit"."""
    for at in range(end, min(end + 2, len(words))):
        if words[at] in _STOPS or words[at] in CLAUSE_ENDS or words[at] in NO_HEADS_BEHIND:
            return False
        if words[at] in MEDICINE_HEADS and _fails(words, at + 1):
            return False
        if words[at] in VERB_HEADS and not OBJECTS.isdisjoint(words[at + 1 : at + 2]):
            return False
        if words[at : at + 2] in (["history", "of"], ["center", "of"]):
            return False
        if words[at] in ADMIN_HEADS or (words[at] in VISIT_HEADS and _told_of(words, at)):
            return True
        if words[at] in DOCTOR_HEADS and (_has_owner(words, at) or _told_of(words, at)):
            return True
    return False


def _has_owner(words: list[str], doctor: int) -> bool:
    """True of "my seizure doctor", "do you have a stroke doctor"."""
    at = doctor - 1
    while at >= 0 and words[at] in DOCTOR_FIELDS:
        at -= 1
    return at >= 0 and (words[at] in DOCTOR_OWNERS or words[max(0, at - 2) : at] == ["you", "have"])


def _fails(words: list[str], behind: int) -> bool:
    """A medicine that "is not helping"."""
    return any(
        word == "not" and not FAILING.isdisjoint(words[at + 1 : at + 2])
        for at, word in enumerate(words[behind : behind + 4], behind)
    )


def _told_of(words: list[str], visit: int) -> bool:
    """A visit that was or comes every year; any other is wished for, and its complaint is of now."""
    if words[visit] == "walk" and words[visit + 1 : visit + 2] != ["in"]:
        return True  # "the stroke walk" raises money
    if not VISIT_WISHED.isdisjoint(words[visit + 1 : visit + 2]):
        return False
    owner = next(
        (at for at in range(visit - 1, max(-1, visit - 6), -1) if words[at] in VISIT_OWNERS), -1
    )
    return owner >= 0 and (
        not VISIT_TOLD.isdisjoint(words[max(0, owner - 1) : owner])
        or not VISIT_PAPERS.isdisjoint(words[max(0, owner - 2) : owner])
        or words[owner + 1] in VISIT_KINDS
    )


def _denied(breath: _Breath, start: int) -> bool:
    for index in range(start - 1, max(-1, start - 1 - SCOPE_WORDS), -1):
        word = breath.words[index]
        if word in SCOPE_ENDS or word in _STOPS:
            return False
        if word in NEGATORS:
            return not _part_of_a_symptom(breath, index, start)
    return False


def _part_of_a_symptom(breath: _Breath, index: int, before: int) -> bool:
    """A "not" that itself tells of danger ("can not feel") denies nothing after it."""
    for name, places in breath.found.items():
        if name not in ("JUMBLED", "CANNOT"):
            at = bisect_left(places, (index - 4, 0))
            for start, end in places[at : at + 8]:
                if start <= index < end and end <= before:
                    return True
    return breath.words[index - 1 : index] in (["can"], ["could"]) and index > 0


@lru_cache(maxsize=1_024)
def _wanted(phrase: str) -> tuple[str, ...]:
    """The words of a practice's phrase, read once: it is looked for in every hypothesis of every caller."""
    return tuple(word for word in _words(phrase) if word not in _STOPS)


def _says(breath: _Breath, wanted: Sequence[str]) -> bool:
    """The practice's phrase, in its order, with at most two other words between its words."""
    if not wanted:
        return False
    for start, word in enumerate(breath.words):
        if word == wanted[0] and start not in breath.masked:
            end = _follow(breath.words, start, wanted)
            if end and _counts(breath, start, end):
                return True
    return False


def _follow(words: list[str], start: int, wanted: Sequence[str]) -> int:
    position = start + 1
    for word in wanted[1:]:
        window = words[position : position + 3]
        if word not in window:
            return 0
        position += window.index(word) + 1
    return position
