from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.load.results import SILENCE_MS
from bench.reports.markup import VOID_TAGS
from bench.reports.page import POLICY, as_html, as_picture
from bench.reports.result import Result, read
from bench.reports.terminal import WIDTH, as_text
from tests.bench.reports.made import SHAPES, text, turns_file

HOSTILE = "<script src=//evil.example/x></script>\"'&<img onerror=1>"
NAMES_OF_TAGS = {"html", "head", "meta", "link", "title", "style", "body", "header", "main", "section", "figure", "figcaption", "div", "span", "p", "b", "i", "ul", "li", "h1", "h2", "h3", "small", "table", "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "svg", "path"}  # fmt: skip


class Reader(HTMLParser):
    """What a browser would see: elements, their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.names: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def checked(result: Result, saved: Result | None = None) -> Reader:
    """The page, after everything that must hold of any."""
    html = as_html(result, saved)
    html.encode("utf-8")
    page = Reader(html)
    assert page.open == []
    assert page.names <= NAMES_OF_TAGS
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    assert [value for name, value in page.attributes if name == "href"] == ["data:,"]
    assert ("content", POLICY) in page.attributes
    assert "nan" not in re.findall(r"style=\"[^\"]*nan", html)
    return page


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("against", [None, *SHAPES])
def test_every_shape_gives_a_page_and_a_text(shape: str, against: str | None) -> None:
    saved = read("", text(SHAPES[against])) if against else None
    result = read("", text(SHAPES[shape]))
    checked(result, saved)
    printed = as_text(result, saved)
    assert printed
    assert ("counts for nothing" in printed) == (shape == "void")


def told(document: dict[str, Any], saved: dict[str, Any] | None = None) -> str:
    page = checked(read("", text(document)), read("", text(saved)) if saved else None)
    return " ".join(page.texts)


def test_a_newcomer_reads_where_the_milliseconds_go() -> None:
    said = told(SHAPES["with controls"])
    assert re.search(r"The caller waited \d+ ms for an answer\.", said)
    assert re.search(r"Of those, \d+ ms are silence that is kept on purpose", said)
    assert "A stock Pipecat bot in its fastest setting" in said
    for heading in ("Where the milliseconds go", "How long answers take", "The slowest answer"):
        assert heading in said


def test_what_is_handed_to_engines_that_take_no_time_is_called_no_models() -> None:
    instant, timed = told(SHAPES["with controls"]), told(turns_file(3, engines={"source": "x"}))
    assert "recogniser, language model, voice" not in instant
    assert "handing over to engines that answer at once" in instant
    assert "recogniser, language model, voice" in timed


def test_the_fastest_stock_bot_is_said_to_keep_a_silence_too() -> None:
    assert SILENCE_MS == 200.0
    said = told(SHAPES["with controls"])
    assert said.count("It keeps 200 ms of silence on purpose as well.") == 1


def test_one_turn_in_the_middle_is_no_turns() -> None:
    assert "as the one turn in the middle has them" in told(SHAPES["one turn"])
    assert re.search(r"as the \d+ turns around the middle have them", told(SHAPES["with controls"]))


def test_the_figures_of_the_headline_add_up() -> None:
    said = told(SHAPES["with controls"])
    whole, silence, rest = (int(found) for found in re.findall(r"(\d+) ms (?:for an|are)", said)[1:4])  # fmt: skip
    assert whole == silence + rest


def test_a_void_run_says_so_before_anything_else_and_why() -> None:
    page = checked(read("", text(SHAPES["void"])))
    body = " ".join(page.texts)
    assert body.index("This run counts for nothing.") < body.index("The caller waited")
    assert "The callers were late: 9.1 ms" in body
    assert "void" in body
    first = as_text(read("", text(SHAPES["void"]))).splitlines()
    assert first[0] == "!" * WIDTH
    assert "This run counts for nothing." in first[1]


def test_a_late_generator_is_the_reason_where_no_note_gives_one() -> None:
    document = copy.deepcopy(SHAPES["void"])
    document["run"] |= {"notes": [], "generator": {"late_p99_ms": 9.1, "limit_ms": 5.0}}
    assert "The callers themselves were late: 9.1 ms" in told(document)


def test_a_row_without_its_control_is_not_comparable_in_both_reports() -> None:
    result = read("", text(SHAPES["no control"]))
    assert "not comparable" in as_text(result)
    assert "not comparable" in " ".join(checked(result).texts)


def test_the_comparison_says_what_became_worse_and_what_is_not_the_same() -> None:
    said = told(turns_file(9, slower=30.0, door="webrtc"), SHAPES["with controls"])
    assert "What changed" in said
    assert "worse" in said
    assert "another door" in said


def test_whether_a_run_counts_is_said_in_words() -> None:
    said = told(SHAPES["with controls"])
    assert "callers late, p99, ms 0.8" in said
    assert "packets the callers sent 74210" in said


def test_a_number_of_calls_that_was_too_many_says_which_limit_it_broke() -> None:
    document = copy.deepcopy(SHAPES["capacity"])
    for tried in document["capacity"]:
        tried["broken"] = [] if tried["held"] else ["pace", "slower"]
    assert "broken: pace, slower" in told(document)
    assert "broken: pace, slower" in as_text(read("", text(document)))


def test_every_chart_has_a_table() -> None:
    html = as_html(read("", text(SHAPES["with controls"]))) + as_html(read("", text(SHAPES["capacity"])))  # fmt: skip
    for title in ("Parts of the median turn", "Answers that had come by then", "What each number of calls came to", "Rows"):  # fmt: skip
        assert f"<caption>{title}</caption>" in html
    assert html.count("<svg") == html.count('focusable="false"') == 3


def test_the_picture_holds_the_main_chart_alone() -> None:
    picture = as_picture(read("", text(SHAPES["with controls"])))
    assert picture is not None
    assert "The caller waited" in picture
    assert "<table" not in picture
    assert as_picture(read("", text(SHAPES["empty"]))) is None


def test_the_picture_of_more_and_more_calls_holds_their_curves() -> None:
    result = read("", text(turns_file(3) | {"capacity": SHAPES["capacity"]["capacity"]}))
    picture = as_picture(result)
    assert picture is not None
    assert re.findall(r'data-chart="(\w+)"', picture) == ["wire_p99_ms", "cpu"]
    assert "Wardline" in picture
    assert "stock Pipecat" in picture
    assert "<table" not in picture


def everywhere(value: Any, hostile: str) -> Any:
    """Every text of a document, keys of the machine's facts and notes included, with something hostile behind it."""
    if isinstance(value, dict):
        return {key: everywhere(inner, hostile) for key, inner in value.items()}
    if isinstance(value, list):
        return [everywhere(inner, hostile) for inner in value]
    return value + hostile if isinstance(value, str) and value not in KEPT else value


KEPT = {"value", "ratio", "p50", "p95", "p99", "worst", "met", "missed", "not measured", "not comparable", "void", "ms", "speech", "interruption", "ours"}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_no_text_of_a_file_becomes_a_tag(shape: str) -> None:
    document = everywhere(SHAPES[shape], HOSTILE)
    document["run"] |= {"notes": [HOSTILE], "machine": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "load": {HOSTILE: 1.0}}  # fmt: skip
    result = read("", text(document))
    page = checked(result, read("", text(turns_file(8, turns=4))))
    assert HOSTILE in " ".join(page.texts)
    assert "\x1b" not in as_text(result)


FIGURES = st.none() | st.floats(-10, 1e12) | st.integers(0, 10**12)
TEXTS = st.text(max_size=12)


def intervals() -> st.SearchStrategy[Any]:
    return st.none() | st.fixed_dictionaries({"value": FIGURES, "low": FIGURES, "high": FIGURES})


SPREAD = {"count": st.integers(0, 10**6), "p50": intervals(), "p95": intervals(), "p99": intervals(), "worst": FIGURES}  # fmt: skip
LIMIT = st.none() | st.fixed_dictionaries(
    {"of": st.sampled_from(["value", "ratio"]), "at": st.sampled_from(["p50", "p95", "p99", "worst"]), "most": FIGURES, "least": FIGURES}
)  # fmt: skip
ROW = st.fixed_dictionaries(
    {"id": st.text("ab.-<&\"é", min_size=1, max_size=8), "target": TEXTS, "what": TEXTS, "unit": st.sampled_from(["ms", "frames", ""]), **SPREAD,
     "control": st.none() | st.fixed_dictionaries({"what": TEXTS, **SPREAD}), "ratio": FIGURES, "limit": LIMIT, "comparable": st.booleans(),
     "outcome": st.sampled_from(["met", "missed", "not measured", "not comparable", "void"])}
)  # fmt: skip
MARK = st.sampled_from(["pause_seen", "eager_text", "decision", "final_text", "first_token", "first_audio", "first_byte_out", "first_sound", "first_content", "<b>"])  # fmt: skip
TURN = st.fixed_dictionaries(
    {"world": st.sampled_from(["ours", "stock", "</i>"]), "how": st.sampled_from(["speech", "interruption", "cough"]), "call": st.integers(0, 9), "turn": st.integers(0, 9), "answered": st.booleans(), "marks_ms": st.dictionaries(MARK, FIGURES, max_size=6)}
)  # fmt: skip
TRIED = st.fixed_dictionaries(
    {"world": st.sampled_from(["ours", "stock", "&"]), "calls": st.integers(0, 10**4), "held": st.none() | st.booleans(), "broken": st.lists(TEXTS, max_size=2), "wire_p99_ms": FIGURES, "rss_mb": FIGURES, "cpu_s_per_call_minute": st.dictionaries(TEXTS, FIGURES, max_size=3)}
)  # fmt: skip
RUN = st.fixed_dictionaries(
    {"kind": st.sampled_from(["turns", "<>"]), "valid": st.booleans(), "scenario": TEXTS, "notes": st.lists(TEXTS, max_size=2), "machine": st.dictionaries(TEXTS, TEXTS, max_size=2), "generator": st.dictionaries(TEXTS, FIGURES, max_size=2)}
)  # fmt: skip
DOCUMENT = st.fixed_dictionaries(
    {"format": st.just(2), "run": RUN, "rows": st.lists(ROW, max_size=3, unique_by=lambda row: row["id"]), "turns": st.lists(TURN, max_size=6), "capacity": st.lists(TRIED, max_size=4)}
)  # fmt: skip


@settings(max_examples=15)
@given(DOCUMENT, st.none() | DOCUMENT)
def test_any_valid_result_gives_a_page_and_a_text(
    document: dict[str, Any], saved: dict[str, Any] | None
) -> None:
    result = read("", text(document))
    other = read("", text(saved)) if saved else None
    checked(result, other)
    as_text(result, other).encode("utf-8")
    as_picture(result)
