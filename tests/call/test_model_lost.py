"""A model's server that dies or stalls in mid-call: the caller hears a sentence within two seconds (target R1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from models.openai_llm import OpenAiLanguageModel, OpenAiSettings
from models.replicas import Replicas
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist, warming
from pipeline.call.receptionist import ScriptedReceptionist
from tests.call.graph_rig import GraphRig, running
from tests.fakes.certificates import Authority, authority
from tests.fakes.chat_server import ChatServer, chatting, delta, says, stalls
from tests.fakes.desk import FakeDesk

pytestmark = pytest.mark.wire

FLOW = load_flow()
TODAY = date(2026, 1, 7)
LONGEST_S = 2.0


@asynccontextmanager
async def answering(
    *servers: ChatServer, ca_file: str = ""
) -> AsyncIterator[tuple[GraphRig, FakeDesk]]:
    """A call's graph whose model is at these servers."""
    async with chatting(*servers):
        model = Replicas(
            [
                OpenAiLanguageModel(OpenAiSettings(server.url, "tiny", ca_file=ca_file))
                for server in servers
            ]
        )
        async with model.running(*warming(FLOW, TODAY)):
            await model.start()
            desk = FakeDesk()
            script = ScriptedReceptionist(FLOW, desk, lambda: TODAY)
            made: Any = ModelledReceptionist(model, script, FLOW, desk, lambda: TODAY)
            async with running(made) as rig:
                yield rig, desk


async def heard(rig: GraphRig, word: str, within_s: float = LONGEST_S) -> None:
    """Wait until the word is on the wire."""
    async with asyncio.timeout(within_s):
        while not any(word in each.lower() for each in rig.heard()):  # noqa: ASYNC110  # what is on the wire is a list, and 10 ms are near enough
            await asyncio.sleep(0.01)


def ask(rig: GraphRig) -> None:
    from models.ports import Spoken

    rig.graph.end_turn(Spoken("i need a flu shot"))


async def test_target_r1_a_server_killed_in_the_middle_of_a_reply() -> None:
    server = ChatServer()
    async with answering(server) as (rig, desk):
        server.answer = stalls(delta(content="Certainly, that can be arranged,"))
        ask(rig)
        await heard(rig, "certainly")
        await server.kill()
        await heard(rig, "moment")
        await heard(rig, "name", within_s=6)
    assert ("stood_in", "llm_broken") in desk.told


async def test_target_r1_a_server_that_stalls_in_the_middle_of_a_reply() -> None:
    server = ChatServer()
    async with answering(server) as (rig, desk):
        server.answer = stalls(delta(content="Certainly, that can be arranged,"))
        ask(rig)
        await heard(rig, "certainly")
        await heard(
            rig, "that"
        )  # what was said before the stall waited for the rest of its sentence
        await heard(rig, "name", within_s=6)
    assert ("stood_in", "llm_stalled") in desk.told


async def test_target_r1_a_server_that_stalls_before_its_first_word() -> None:
    first, second = ChatServer(), ChatServer(says("Whatever you like."))
    async with answering(first, second) as (rig, desk):
        first.answer = stalls()
        ask(rig)
        await heard(rig, "one")
        await heard(rig, "whatever", within_s=3)
    assert "stood_in" not in desk.names()
    assert "failed:first_token:late" in rig.hooks.log


async def test_target_r1_no_server_at_all() -> None:
    server = ChatServer()
    async with answering(server) as (rig, desk):
        await server.kill()
        ask(rig)
        await heard(rig, "", within_s=1)
        await heard(rig, "name", within_s=6)
    assert [told for told in desk.told if told[0] == "stood_in"]


@pytest.fixture
def authorities(tmp_path: Path) -> tuple[Authority, Authority]:
    return authority(tmp_path / "ours"), authority(tmp_path / "another")


async def test_a_server_of_another_authority_hears_nothing_and_the_script_goes_on(
    authorities: tuple[Authority, Authority],
) -> None:
    ours, another = authorities
    server = ChatServer(tls=another.server())
    async with answering(server, ca_file=ours.ca_file) as (rig, desk):
        ask(rig)
        await heard(rig, "", within_s=1)
        await heard(rig, "name", within_s=6)
    assert ("stood_in", "llm_none_ready") in desk.told
    assert server.raw == []


async def test_a_server_of_our_authority_is_spoken_to_over_tls(
    authorities: tuple[Authority, Authority],
) -> None:
    ours, _ = authorities
    server = ChatServer(says("Whatever you like."), tls=ours.server())
    async with answering(server, ca_file=ours.ca_file) as (rig, desk):
        ask(rig)
        await heard(rig, "whatever", within_s=3)
    assert "stood_in" not in desk.names()
