"""Planted identifiers, spoken, typed and keyed, appear in no byte the server wrote, at the chattiest level."""

from __future__ import annotations

import asyncio
import base64
import re
import urllib.parse
from pathlib import Path

import pytest

from bench.caller import Caller
from bench.voices import choose
from tests.first_call.served import Served, served

pytestmark = pytest.mark.wire

NAME = "Zorvelline Brixtagne"
PHONE = "212-555-0187"
BORN = "07/19/1953"
INSURED = "913-48-2267"
TYPED = f"My name is {NAME}, born {BORN}, number {INSURED}, call {PHONE}"
SPOKEN = "My name is Theodora and my number is two one two five five five oh one eight seven."
SEPARATORS = re.compile(rb"[\s()./:-]")


def disguises(text: str) -> set[bytes]:
    """The forms in which a text hides in a file."""
    forms = set[bytes]()
    for cased in (text, text.lower(), text.upper()):
        raw = cased.encode()
        forms |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
        forms |= {cased.encode("utf-16-le"), cased.encode("utf-16-be")}
        forms |= {
            urllib.parse.quote(cased, safe="").encode(),
            urllib.parse.quote_plus(cased).encode(),
        }
        for shift in range(3):  # base64 of a text inside a longer one begins at any of three places
            coded = base64.b64encode(b"\0" * shift + raw)
            forms.add(coded[4 if shift else 0 : -4])
    return forms


def planted() -> set[bytes]:
    whole = set[bytes]().union(*(disguises(text) for text in (NAME, PHONE, BORN, INSURED, TYPED)))
    parts = set[bytes]().union(*(disguises(word) for word in NAME.split()))
    return whole | parts | {re.sub(r"\D", "", number).encode() for number in (PHONE, BORN, INSURED)}


def found(files: dict[str, bytes], needles: set[bytes]) -> list[tuple[str, bytes]]:
    hits = []
    for name, data in files.items():
        bare = SEPARATORS.sub(b"", data)
        hits += [(name, needle) for needle in needles if needle in data or needle in bare]
    return hits


def test_the_search_finds_every_disguise_of_a_planted_name() -> None:
    for needle in planted():
        assert found({"file": b"before " + needle + b" after"}, planted())
    assert found({"file": b"call (212) 555 0187 now"}, planted())
    assert found({"file": base64.b64encode(b"xx" + NAME.encode() + b" and more")}, planted())


def test_nothing_a_caller_said_typed_or_keyed_is_written_anywhere(
    tmp_path: Path, model_cache: Path
) -> None:
    async def tell(server: Served) -> set[str]:
        voice = choose(None)
        async with Caller(server.url) as call:
            await call.reply_over(60_000)
            for text in ("I need a follow up appointment", TYPED, "", PHONE):
                if not text:  # the number is asked for: by keypad first
                    await call.press(re.sub(r"\D", "", PHONE))
                    await call.pause(1_000)
                    await call.reply_over(60_000)
                    continue
                turn = call.type_text(text)
                await call.heard_reply(turn, 20_000)
                await call.reply_over(60_000)
                if call.has_ended():
                    break
            turn = await call.say(await voice.speak(SPOKEN), SPOKEN)
            await call.heard_reply(turn, 20_000)
            await call.reply_over(60_000)
            heard = {line for turn in call.record.turns for line in turn.heard_lines.values()}
        return {line for line in heard if len(line.split()) > 2}

    def models() -> dict[str, float]:
        return {str(path): path.stat().st_mtime for path in model_cache.rglob("*")}

    with served(tmp_path / "server", cache=model_cache) as server:
        before = models()
        heard = asyncio.run(tell(server))
        assert heard
    # The recogniser's models are large and were there before the call: unchanged is enough of a search.
    assert before == {path: at for path, at in models().items() if path in before}
    written = server.written()
    assert written["stderr"]
    assert found(written, planted()) == []
    assert not [name for name in written if "/cache/" in name]
    assert found(written, set[bytes]().union(*(disguises(line) for line in heard))) == []
