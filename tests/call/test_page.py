"""What the caller's page is shown, and what it is not shown twice."""

from __future__ import annotations

from models.ports import Spoken
from pipeline.call.observer import NoObserver
from pipeline.call.page import Page
from pipeline.line import Caption
from tests.call.call_rig import Leg, Watch


async def test_a_caption_that_did_not_change_is_sent_once() -> None:
    page, leg = Page(NoObserver(), ""), Leg()
    page.attach(leg)
    for _ in range(3):
        page.agent_said(1, "We open", final=False)
    page.agent_said(1, "We open at nine.", final=False)
    page.agent_said(1, "We open at nine.", final=True)
    page.caller_said(2, Spoken("thank"), final=False)
    page.caller_said(2, Spoken("thank"), final=False)
    shown = [(m.text, m.final) for m in leg.of(Caption) if isinstance(m, Caption)]
    assert shown == [
        ("We open", False),
        ("We open at nine.", False),
        ("We open at nine.", True),
        ("thank", False),
    ]


async def test_staff_are_told_that_a_field_changed_also_where_the_same_is_shown_of_it() -> None:
    observer = Watch()
    page = Page(observer, "")
    page.field("phone", "ends in 43")
    page.field("day", "Tuesday")
    assert observer.revisions == {"phone": 1, "day": 1}
    page.field("phone", "ends in 43")
    assert observer.revisions == {"phone": 2, "day": 1}
    page.field("day", None)
    assert observer.revisions == {"phone": 2}
    page.field("day", "Friday")
    assert observer.revisions == {"phone": 2, "day": 3}


async def test_a_page_that_comes_back_is_shown_the_caption_again() -> None:
    page, first, second = Page(NoObserver(), ""), Leg(), Leg()
    page.attach(first)
    page.agent_said(1, "We open", final=False)
    page.detach()
    page.attach(second)
    page.agent_said(1, "We open", final=False)
    assert len(first.of(Caption)) == len(second.of(Caption)) == 1
