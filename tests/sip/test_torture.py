"""RFC 4475: every message is answered as the RFC says or dropped, and the next call is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.telemetry.events import Event, set_sink
from tests.sip.rig import UDP, Rig
from tests.sip.shapes import Peer
from tests.sip.torture import ALL, Torture

PAGE = Path(__file__).parents[2] / "docs" / "sip-torture.md"


@pytest.mark.parametrize("torture", ALL, ids=[one.name for one in ALL])
def test_a_torture_message(torture: Torture) -> None:
    events: list[Event] = []
    set_sink(events.append)
    try:
        rig = Rig()
        answers = rig.hear(torture.data)
        assert tuple(one.status for one in answers) == torture.answers
        assert "TrunkFault" not in {type(one).__name__ for one in events}
        rig.talk(Peer())
    finally:
        set_sink(None)


def test_every_answer_is_one_the_sender_can_match() -> None:
    for torture in ALL:
        rig = Rig()
        for answer in rig.hear(torture.data):
            assert answer.one("Call-ID").encode() in torture.data
            assert answer.one("CSeq").split(" ")[0].encode() in torture.data
            assert answer.all("Via")
            assert rig.ways[-1].path == UDP


def table() -> str:
    lines = ["| section | message | what it is | answer | |", "|---|---|---|---|---|"]
    for one in ALL:
        shown = ", ".join(str(status) for status in one.answers) or "dropped"
        lines.append(f"| {one.section} | {one.name} | {one.what} | {shown} | {one.why} |")
    return "\n".join(lines)


def test_the_page_shows_this_table() -> None:
    assert table() in PAGE.read_text("utf-8"), (
        "docs/sip-torture.md differs from tests/sip/torture.py"
    )
