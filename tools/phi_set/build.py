"""Fills templates with people and notes where everything lies. A calculation: the same seed gives the same set.

A template is one line: `«slot»` is replaced, `‹…›` is neutral, `⏎` a line break, `‖` parts the records of
one call, `field=slot …|` in front gives what the call knows already.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bench.phi.labelled import CLEAN, Item, Record, Span
from tools.phi_set.forms import Draw, render
from tools.phi_set.people import Population
from tools.phi_set.spoken import Lang

TEMPLATES = Path(__file__).parent / "templates"
FILLS = {"spoken": 3, "written": 3, "log": 3, "json": 4, "traceback": 4, "sequences": 3,
         "known": 3, "spanish": 3, "clean": 1, "clean_spanish": 1}  # fmt: skip
"""How often each template of a category is filled; a clean one has nothing to vary."""

_SLOT = re.compile(r"«([a-z0-9_.A-Z]+)»")
_PIECE = re.compile(r"«[^«»]+»|‹[^‹›]*(?:«[^«»]+»)?[^‹›]*›|[^«»‹›]+")
_NEUTRAL = re.compile(r"‹([^‹›]*)›|([^‹›]+)")


@dataclass(frozen=True, slots=True)
class Template:
    """One line of a template file."""

    id: str
    category: str
    lang: Lang
    known: dict[str, str]
    texts: tuple[str, ...]
    half: str


def templates() -> list[Template]:
    """Every template; the halves take turns down each file, so that neighbours of one kind are parted."""
    found = []
    for category in FILLS:
        lines = (TEMPLATES / f"{category}.txt").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line and not line.startswith("#")]
        for number, line in enumerate(kept):
            found.append(_template(category, number, line))
    return found


def items(half: str, seed: int) -> list[Item]:
    """One half of the set."""
    population = Population(half, seed)
    made = []
    for template in templates():
        if template.half == half:
            population.turn_to(template.id)
            made += [
                _item(template, number, population) for number in range(FILLS[template.category])
            ]
    return made


def _template(category: str, number: int, line: str) -> Template:
    known: dict[str, str] = {}
    if re.match(r"[a-z_]+=[a-z0-9_.]+( [a-z_]+=[a-z0-9_.]+)*\|", line):
        head, _, line = line.partition("|")
        known = dict(pair.split("=") for pair in head.split())
    return Template(
        id=f"{category}-{number:03d}",
        category=category,
        lang="es" if "spanish" in category else "en",
        known=known,
        texts=tuple(line.split(" ‖ ")),
        half="test" if number % 2 else "development",
    )


def _item(template: Template, number: int, population: Population) -> Item:
    draw = Draw(population.person(template.lang), population.rng, template.lang)
    records = tuple(_record(text, draw, template.category) for text in template.texts)
    if template.category in CLEAN and any(record.spans for record in records):
        raise ValueError(f"{template.id} is in a clean category and has a slot")
    return Item(
        id=f"{template.id}-{number}",
        template=template.id,
        category=template.category,
        lang=template.lang,
        records=records,
        known={
            field: re.sub("[‹›]", "", render(slot, draw)[1])
            for field, slot in template.known.items()
        },
    )


def _record(template: str, draw: Draw, category: str) -> Record:
    text, spans = "", list[Span]()
    for piece in _PIECE.findall(template):
        slot = _SLOT.search(piece)
        if slot:
            kind, value = render(slot.group(1), draw)
            if piece[0] == "‹":
                value = "‹" + re.sub("[‹›]", "", value) + "›"
        elif piece[0] == "‹":
            kind, value = "DATE", piece
        else:
            text += piece.replace("⏎", "\n")
            continue
        for neutral, core in _NEUTRAL.findall(value):
            part = _escaped(core or neutral) if category == "json" else core or neutral
            bare = part.strip(" -/,")
            if bare:
                start = len(text) + part.index(bare)
                spans.append(Span(start, start + len(bare), kind, neutral=bool(neutral)))
            text += part
    return Record(text, tuple(_without_links(text, spans, draw.lang)))


def _without_links(text: str, spans: list[Span], lang: Lang) -> list[Span]:
    """Spans as they are, the joining words at a core span's end ('… de ‹1985›') left out."""
    trimmed = []
    for span in spans:
        end = span.end
        if lang == "es" and not span.neutral and text[span.start : end].endswith(" de"):
            end -= 3
        trimmed.append(Span(span.start, end, span.type, span.neutral))
    return trimmed


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
