"""The chat client over TLS: the authority of `engines.llm_ca_file` counts and no other, and only for this very address."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from models.breaker import Breaker, Circuit
from models.errors import EngineFailed, EngineUnavailable
from models.openai_llm import UNTRUSTED, OpenAiLanguageModel, OpenAiSettings
from models.ports import ChatMessage, ReplyRequest, TextDelta
from models.replicas import NONE_READY, Replicas
from tests.fakes.certificates import Authority, authority
from tests.fakes.chat_server import ChatServer, chatting, delta

pytestmark = pytest.mark.wire

SAID = "my name is Zebulon Quark"
ASKED = ReplyRequest("r1", (ChatMessage("user", SAID),))
HELLO = ReplyRequest("warm-up", (ChatMessage("user", "hello"),))
TOLD_WITHIN_S = 60.0


def patient(url: str, ca_file: str) -> OpenAiSettings:
    """What is judged here is whom the client trusts, never how fast a busy machine shakes hands."""
    return OpenAiSettings(url, "tiny", ca_file=ca_file, connect_ms=60_000, first_token_ms=60_000)


async def collect(model: OpenAiLanguageModel | Replicas) -> str:
    return "".join(
        [event.text async for event in model.reply(ASKED) if isinstance(event, TextDelta)]
    )


def another(folder: Path) -> tuple[str, ssl.SSLContext | None]:
    return authority(folder / "a").ca_file, authority(folder / "b").server()


def expired(folder: Path) -> tuple[str, ssl.SSLContext | None]:
    made = authority(folder, age_days=500)
    return made.ca_file, made.server()


def elsewhere(folder: Path) -> tuple[str, ssl.SSLContext | None]:
    made = authority(folder, address="127.0.0.2")
    return made.ca_file, made.server()


def by_name(folder: Path) -> tuple[str, ssl.SSLContext | None]:
    """The address is asked for, even where somebody wrote the name."""
    made = authority(folder, address="localhost")
    return made.ca_file, made.server()


def the_systems(folder: Path) -> tuple[str, ssl.SSLContext | None]:
    return "", authority(folder).server()


def no_tls_at_all(folder: Path) -> tuple[str, ssl.SSLContext | None]:
    return authority(folder).ca_file, None


BAD = (another, expired, elsewhere, by_name, the_systems, no_tls_at_all)


@pytest.fixture(params=BAD, ids=lambda made: made.__name__)
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ssl.SSLContext | None]:
    """What the client trusts and what the server shows."""
    made: Callable[[Path], tuple[str, ssl.SSLContext | None]] = request.param
    return made(tmp_path)


@pytest.fixture
def right(tmp_path: Path) -> Authority:
    return authority(tmp_path / "right")


@pytest.fixture
def wrong(tmp_path: Path) -> Authority:
    return authority(tmp_path / "wrong")


async def test_a_server_of_the_listed_authority_is_asked_and_its_connection_kept(
    right: Authority,
) -> None:
    server = ChatServer(tls=right.server())
    async with chatting(server):
        model = OpenAiLanguageModel(patient(server.url, right.ca_file))
        try:
            await model.warm(HELLO)
            assert [await collect(model) for _ in range(3)] == ["Hello."] * 3
        finally:
            await model.stop()
    assert server.url.startswith("https://")
    assert len(set(server.ports)) == 1


async def test_an_interruption_drops_a_tls_connection_as_quickly(right: Authority) -> None:
    async def talks_on(response: Any) -> None:
        while True:
            await response.write(delta(content="and "))
            await asyncio.sleep(0.01)

    server = ChatServer(talks_on, tls=right.server())
    loop = asyncio.get_running_loop()
    took_ms: list[float] = []
    async with chatting(server):
        model = OpenAiLanguageModel(patient(server.url, right.ca_file))
        try:
            for _ in range(10):
                server.hung_up.clear()
                async with aclosing(model.reply(ASKED)) as reply:  # type: ignore[type-var]  # an async generator
                    async for _event in reply:
                        break
                closed_s = loop.time()
                async with asyncio.timeout(1):
                    await server.hung_up.wait()
                took_ms.append((server.hung_up_s[-1] - closed_s) * 1_000)
        finally:
            await model.stop()
    assert sorted(took_ms)[5] < 30, "the median, since the machine may be busy"


async def test_a_server_that_cannot_prove_itself_is_told_nothing(
    bad: tuple[str, ssl.SSLContext | None],
) -> None:
    ca_file, shown = bad
    server = ChatServer(tls=shown)
    async with chatting(server):
        url = server.url.replace("http:", "https:")
        model = OpenAiLanguageModel(patient(url, ca_file))
        try:
            with pytest.raises(EngineFailed) as caught:
                await collect(model)
        finally:
            await model.stop()
    assert caught.value.code == UNTRUSTED
    shown_to_people = "".join(traceback.format_exception(caught.value))
    assert "Zebulon" not in shown_to_people
    assert "127.0.0" not in str(caught.value)
    assert server.raw == []


async def test_an_untrusted_server_is_left_out_until_its_certificate_is_mended(
    right: Authority, wrong: Authority
) -> None:
    server, second = ChatServer(tls=wrong.server()), ChatServer(tls=right.server())
    told: list[tuple[int, Circuit, str]] = []
    closed = asyncio.Event()

    def on_circuit(at: int, circuit: Circuit, code: str) -> None:
        told.append((at, circuit, code))
        if (at, circuit) == (0, Circuit.CLOSED):
            closed.set()

    async with chatting(server, second):
        model = Replicas(
            [OpenAiLanguageModel(patient(one.url, right.ca_file)) for one in (server, second)],
            on_circuit=on_circuit,
            breaker=lambda: Breaker(first_pause_ms=20),
        )
        async with model.running(HELLO):
            await model.start()
            assert (0, Circuit.OPEN, UNTRUSTED) in told
            assert await collect(model) == "Hello."
            assert server.raw == []
            await second.kill()
            with pytest.raises(EngineFailed):
                await collect(model)
            with pytest.raises(EngineFailed) as nobody:
                await collect(model)
            assert nobody.value.code == NONE_READY
            assert server.tls is not None
            right.show(server.tls)
            async with asyncio.timeout(TOLD_WITHIN_S):
                await closed.wait()
            assert await collect(model) == "Hello."


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nnone\n", "\x00\x01"])
def test_a_file_that_holds_no_authority_stops_the_start_with_a_sentence(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(EngineUnavailable, match=r"engines\.llm_ca_file") as caught:
        OpenAiLanguageModel(OpenAiSettings("https://127.0.0.1:8443/v1", "tiny", ca_file=str(file)))
    assert "PEM" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
