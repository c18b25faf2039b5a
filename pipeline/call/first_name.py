"""Reads a first name out of spoken words: said plainly, introduced, or spelled.

A common word is no name unless the flow's list has it; two candidates are none.
"""

from __future__ import annotations

import re

from pipeline.call.request import valid_first_name
from pipeline.call.words import (
    FILLERS,
    MONTHS,
    ORDINALS,
    TEENS,
    TENS,
    UNITS,
    WEEKDAYS,
    Words,
    denied,
    find,
)

_INTRODUCTIONS = (
    "name is", "name's", "names", "call me", "go by", "goes by", "put it under", "name isn't",
    "name is not", "put down",
)  # fmt: skip
"""What follows is a name, whatever was asked."""
_WEAK = ("it's", "it is", "this is", "i'm", "i am", "that's", "for", "me", "under", "he's", "she's")
_TAILS = frozenset(
    [
        "here",
        "i",
        "i'd",
        "i've",
        "my",
        "calling",
        "speaking",
        "speak",
        "like",
        "not",
        "please",
        "and",
        "with",
        "the",
        "but",
        "he's",
        "she's",
        "i'm",
        "thanks",
        "thank",
        "yes",
        "again",
        "actually",
    ]
)
# fmt: off
_COMMON = (
    frozenset(
        [
            "a", "about", "after", "again", "all", "am", "an", "any", "anybody", "anyone",
            "appointment", "are", "around", "as", "ask", "back", "bad", "be", "because", "been",
            "before", "better", "big", "book", "booking", "bored", "but", "by", "bye", "call",
            "can", "card", "care", "cash", "check", "clinic", "coming", "correct", "could", "date",
            "day", "dear", "do", "doctor", "does", "doing", "don't", "done", "down", "eat", "else",
            "even", "ever", "every", "everybody", "everything", "fine", "first", "flu", "food",
            "for", "forget", "four", "from", "front", "get", "getting", "give", "go", "going",
            "good", "gonna", "got", "great", "guess", "had", "happy", "has", "have", "having",
            "he", "he'll", "he's", "hear", "hearing", "help", "her", "here", "he'd", "him", "his",
            "hold", "home", "honey", "hours", "how", "human", "hungry", "hurt", "i", "i'd", "i'll",
            "i'm", "i've", "if", "in", "is", "isn't", "it", "it's", "its", "job", "just", "keep",
            "kid", "kind", "know", "last", "late", "left", "let", "lost", "machine", "ma'am",
            "maybe", "me", "mean", "mine", "minute", "miss", "mister", "mom", "dad", "mommy",
            "daddy", "sir", "my", "name", "need", "never", "new", "nice", "no", "nobody", "none",
            "nope", "not", "nothing", "now", "number", "nurse", "of", "off", "office", "on", "one",
            "only", "open", "operator", "or", "other", "our", "out", "over", "parking", "pardon",
            "people", "person", "phone", "press", "put", "question", "ready", "real", "really",
            "right", "robot", "running", "said", "same", "say", "see", "she", "she's", "shot",
            "should", "sick", "so", "some", "somebody", "someone", "something", "son", "daughter",
            "soon", "speak", "spell", "started", "still", "stop", "sure", "talk", "talking",
            "test", "than", "thank", "that", "that's", "the", "their", "them", "there", "they",
            "thing", "think", "this", "time", "tired", "to", "today", "tomorrow", "too", "trying",
            "tv", "turn", "two", "um", "until", "up", "us", "use", "visit", "wait", "wanna",
            "want", "was", "way", "we", "week", "well", "were", "what", "what's", "when", "where",
            "which", "who", "whoever", "why", "wife", "husband", "will", "with", "wondering",
            "work", "working", "wrong", "yeah", "year", "yes", "yep", "yet", "you", "you're",
            "your", "yours", "stupid", "whatever", "morning", "afternoon", "evening", "noon",
            "anything", "nowhere", "looking", "doctor's", "afraid", "bleeding", "dying", "pain",
            "chest", "goodbye", "recording", "computer", "driving", "repeat", "busy", "serious",
            "listening", "asking",
        ]
    )
    | FILLERS
    | set(MONTHS)
    | set(WEEKDAYS)
    | set(ORDINALS)
    | set(UNITS)
    | set(TEENS)
    | set(TENS)
)
# fmt: on


def hear_first_name(
    spoken: Words, known_names: frozenset[str], other_words: frozenset[str], *, asked: bool
) -> str | None:
    """The first name said, as it is written; `other_words` belong to other answers."""
    spelled = _spelled(spoken, known_names, asked=asked)
    if spelled is not None:
        return written(spelled)
    for heard in (
        _introduced(spoken, known_names, other_words),
        _weak(spoken, known_names, other_words, asked=asked),
        _bare(spoken, known_names, other_words) if asked else None,
    ):
        if heard is not None:
            return written(heard)
    return None


def is_spelled(spoken: Words, known_names: frozenset[str], *, asked: bool) -> bool:
    """True when the name was given letter by letter."""
    return _spelled(spoken, known_names, asked=asked) is not None


def with_hyphen(name: str, text: str) -> str:
    """The name with what was written behind it by a hyphen: "Jean-Luc" is one name."""
    joined = re.search(rf"\b{re.escape(name)}((?:-[^\W\d_]+)+)", text, re.IGNORECASE)
    return (written((name + joined[1]).lower()) or name) if joined else name


def written(name: str) -> str | None:
    """A name with its capitals: "o'neil" is O'Neil, "mary-ann" Mary-Ann."""
    parts = name.removesuffix("'s").split("'")
    capital = "'".join("-".join(p[:1].upper() + p[1:] for p in part.split("-")) for part in parts)
    return capital if len(capital) > 1 and valid_first_name(capital) else None


def _can_be_name(word: str, known: frozenset[str], other: frozenset[str]) -> bool:
    if word in known:
        return True
    return len(word) > 1 and word not in _COMMON and word not in other and valid_first_name(word)


def _spelled(spoken: Words, known: frozenset[str], *, asked: bool) -> str | None:
    """For example: "J o h n", "p as in peter r i y a": letters one by one."""
    letters: list[str] = []
    best: list[str] = []
    start = best_start = 0
    index = 0
    while index < len(spoken):
        word = spoken[index]
        repeat = 2 if word == "double" else 1
        if repeat == 2 and index + 1 < len(spoken):
            index += 1
            word = spoken[index]
        if len(word) == 1 and word.isalpha():
            if not letters:
                start = index
            letters.extend([word] * repeat)
            if len(letters) > len(best):
                best, best_start = list(letters), start
            if find(("as", "in"), spoken[index + 1 : index + 3]) == 0:
                index += 3
        elif word not in ("um", "uh", "dash"):
            letters = []
        index += 1
    name = "".join(best)
    if len(best) < 2 or name in ("am", "pm"):
        return None
    before = spoken[best_start - 1] if best_start else ""
    if before == name or (len(best) >= 3 and (asked or before in known or name in known)):
        return name
    return None


def _introduced(spoken: Words, known: frozenset[str], other: frozenset[str]) -> str | None:
    for phrase in _INTRODUCTIONS:
        parts = phrase.split()
        at = find(parts, spoken)
        while at >= 0:
            behind = at + len(parts)
            while behind < len(spoken) and spoken[behind] in ("um", "uh", "is", "actually", "just"):
                behind += 1
            negated = "not" in parts or "isn't" in parts or spoken[behind : behind + 1] == ("not",)
            if not negated and behind < len(spoken):
                word = spoken[behind]
                if _can_be_name(word, known, other):
                    return word
            at = find(parts, spoken, at + 1)
    return None


def _weak(
    spoken: Words, known: frozenset[str], other: frozenset[str], *, asked: bool
) -> str | None:
    """For example: "It's X", "this is X calling", "X here": enough for a listed name, or when it was asked."""
    heard: list[str] = []
    for phrase in _WEAK:
        parts = phrase.split()
        at = find(parts, spoken)
        while at >= 0:
            behind = at + len(parts)
            word = spoken[behind] if behind < len(spoken) else ""
            ends = behind + 1 >= len(spoken) or spoken[behind + 1] in _TAILS
            listed = word in known and word not in MONTHS and (ends or asked)
            plausible = asked and phrase != "for" and ends and _can_be_name(word, known, other)
            if word and (listed or plausible) and not denied(spoken, behind):
                heard.append(word)
            at = find(parts, spoken, at + 1)
    for index, word in enumerate(spoken[:-1]):
        if spoken[index + 1] == "here" and word in known:
            heard.append(word)
    return heard[-1] if len(set(heard)) == 1 else None


def _bare(spoken: Words, known: frozenset[str], other: frozenset[str]) -> str | None:
    """The answer is the name alone, perhaps with a family name behind it."""
    rest = [word for word in spoken if word not in FILLERS and word not in ("yes", "it's", "oh")]
    if len(rest) == 1:
        return rest[0] if _can_be_name(rest[0], known, other) else None
    if len(rest) == 2 and rest[0] in known and _can_be_name(rest[1], known, other):
        return rest[0]
    listed = [word for word in rest if word in known and word not in _COMMON]
    if len(rest) <= 4 and len(listed) == 1 and not denied(spoken, spoken.index(listed[0])):
        return listed[0]
    return None
