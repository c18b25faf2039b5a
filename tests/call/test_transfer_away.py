"""A caller whose door is gone while a telephone rings, as a carrier's stream is: held, and back when nobody answered."""

from __future__ import annotations

import pytest

from pipeline.call.reach import Reach
from pipeline.line import Transfer
from pipeline.transfer import TransferOutcome
from tests.call.test_transfer import asked_for, ringing, telephone, wants_a_person


@pytest.mark.parametrize("away_ms", [300, 4_000])
async def test_the_ladder_goes_on_where_it_was(away_ms: float) -> None:
    async with telephone() as rig:
        await wants_a_person(rig)
        rig.call.on_hold(True)
        await rig.silent(away_ms)
        said = len(rig.captions("agent"))
        assert asked_for(rig) == ["front"], "nobody else is called meanwhile"
        rig.call.on_hold(False)
        rig.call.on_transfer(TransferOutcome.NO_ANSWER, "front")
        await ringing(rig, 2)
        assert asked_for(rig) == ["front", "nurse"]
        assert rig.captions("agent")[said:] == ["Nobody answers. Another number."]


async def test_an_urgent_caller_is_led_to_people_and_to_no_mailbox() -> None:
    async with telephone(reach=Reach(("front", "message"), (), ("nurse", "front"))) as rig:
        await rig.say("I have crushing chest pain and I cannot breathe", 900)
        await ringing(rig)
        for count in (2, 3):
            rig.call.on_hold(True)
            await rig.silent(500)
            rig.call.on_hold(False)
            rig.call.on_transfer(TransferOutcome.BUSY, asked_for(rig)[-1])
            if count == 2:
                await ringing(rig, count)
        await rig.until_quiet()
        assert asked_for(rig) == ["nurse", "front"]
        last = [m for _, m in rig.leg.messages if not isinstance(m, Transfer)]
        assert last
        assert rig.byes() == []
