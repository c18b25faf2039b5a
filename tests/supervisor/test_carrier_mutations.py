"""The doors that strangers reach: whatever is changed in what a carrier signed, nobody is let in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import pytest

from pipeline.supervisor.carrier_signature import signature
from pipeline.supervisor.carrier_streams import HEADER
from pipeline.supervisor.carrier_twiml import STREAM, WEBHOOK
from tests.supervisor.carrier_rig import (
    FORM,
    KEY,
    PUBLIC,
    Carrier,
    closed,
    opened,
    start,
)

pytestmark = pytest.mark.wire

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Asked:
    """One request as it goes out."""

    method: str
    path: str
    form: tuple[tuple[str, str], ...] = ()
    signed: tuple[str, ...] = ()
    kind: str = FORM_TYPE
    more: tuple[str, ...] = field(default=())
    cut: int = 0

    def data(self) -> bytes:
        body = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in self.form)
        body = body[: len(body) - self.cut]
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: voice.clinic.example", *self.more]
        lines += [f"{HEADER}: {each}" for each in self.signed]
        if self.form:
            lines += [f"Content-Type: {self.kind}", f"Content-Length: {len(body)}"]
        lines += ["" if self.more else "Connection: close", ""]
        return "\r\n".join(line for line in lines if line).encode() + b"\r\n\r\n" + body.encode()


UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


def good(path: str, form: dict[str, str]) -> Asked:
    fields = tuple(form.items())
    if path == STREAM:
        signed = signature(KEY, f"wss://{urlsplit(PUBLIC).netloc}{path}")
        return Asked("GET", path, (), (signed,), more=UPGRADE)
    return Asked("POST", path, fields, (signature(KEY, PUBLIC + path, fields),))


def other_signature(asked: Asked, rng: random.Random) -> Asked:
    right = asked.signed[0]
    at = rng.randrange(len(right) - 2)  # the last letters hold unused bits, and the padding
    letter = rng.choice([each for each in "ABCxyz019+/" if each != right[at]])
    wrong: tuple[tuple[str, ...], ...] = (
        (right[:at] + letter + right[at + 1 :],),
        (right[:at],),
        (right + letter,),
        (right.swapcase(),),
        (right, right),
        (right, right[:at] + letter),
        (f"{right}, {right}",),
        (),
        ("",),
        (right * 3,),
        (f'"{right}"',),
    )
    return replace(asked, signed=rng.choice(wrong))


def other_path(asked: Asked, rng: random.Random) -> Asked:
    path = asked.path
    at = rng.randrange(1, len(path))
    wrong = (
        f"{path}?",
        f"{path}?a={rng.randrange(100)}",
        f"{path}/",
        f"{path}//",
        f"/{path}",
        path[:at] + f"%{ord(path[at]):02X}" + path[at + 1 :],
        path[:at] + rng.choice("abz019-") + path[at:],
        path[:at] + path[at + 1 :],
        path.upper(),
        f"{path};a=b",
        f"/api/..{path}",
        f"{path}%00",
        f"{path}%2F",
    )
    return replace(asked, path=rng.choice(wrong))


def other_form(asked: Asked, rng: random.Random) -> Asked:
    fields = list(asked.form)
    at = rng.randrange(len(fields))
    name, value = fields[at]
    letter = rng.choice("0aZ+ é\n&=%")
    match rng.randrange(8):
        case 0:
            fields[at] = (name, value + letter)
        case 1:
            fields[at] = (name, value[:-1])
        case 2:
            fields[at] = (name + letter, value)
        case 3:
            del fields[at]
        case 4:
            fields.append((rng.choice(("CallSid", "From", "AccountSid", "x")), f"CA{rng.random()}"))
        case 5:
            fields[at] = (name, value[::-1] + "!")
        case 6:
            return replace(asked, cut=rng.randrange(1, 30))
        case _:
            fields[at] = (name.lower(), value)
    return replace(asked, form=tuple(fields))


def other_method(asked: Asked, rng: random.Random) -> Asked:
    return replace(asked, method=rng.choice(("GET", "PUT", "HEAD", "PATCH", "DELETE", "post")))


def other_header(asked: Asked, rng: random.Random) -> Asked:
    kinds = ("application/json", "multipart/form-data; boundary=x", "text/plain", "", "form")
    return replace(asked, kind=rng.choice(kinds))


def cut_anew(asked: Asked, rng: random.Random) -> Asked:
    """The same letters, so the same signature, in other fields: another call's id, another caller."""
    text = "".join(name + value for name, value in sorted(asked.form))
    cuts = sorted(rng.sample(range(1, len(text)), 5))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    sid = FORM["CallSid"]
    before, _, after = text.partition(f"CallSid{sid}")
    wrong = (
        tuple(zip(parts[::2], parts[1::2], strict=True)),
        (("AccountSid", before[10:]), ("CallSid", sid + after[:20].replace("+", ""))),
        (("AccountSid", before[10:]), ("CallSid", sid), (after, "")),
        tuple(reversed(asked.form)),
        asked.form,
        (*asked.form, asked.form[0]),
    )
    return replace(asked, form=rng.choice(wrong))


async def said(carrier: Carrier, asked: Asked) -> str:
    host, port = urlsplit(carrier.base).hostname, urlsplit(carrier.base).port
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(asked.data())
            line = await reader.readline()
            rest = await reader.read() if line.startswith(b"HTTP/1.1 200") else b""
            return (line + rest).decode(errors="replace")
        except ConnectionError:
            return ""
        finally:
            writer.close()


def is_let_in(answer: str) -> bool:
    return answer.startswith(("HTTP/1.1 101", "HTTP/1.1 200"))


CHANGES: tuple[Callable[[Asked, random.Random], Asked], ...] = (
    other_signature,
    other_path,
    other_form,
    other_method,
    other_header,
)


async def refuse_changed(directory: Path, count: int) -> None:
    rng = random.Random(13)
    async with opened(directory) as carrier:
        for number in range(count):
            change = CHANGES[number % len(CHANGES)]
            path = rng.choice((WEBHOOK, STREAM)) if change in CHANGES[:2] else WEBHOOK
            form = {**FORM, "CallSid": f"CA{number:032x}"}
            asked = change(good(path, form), rng)
            assert not is_let_in(await said(carrier, asked)), asked
        assert carrier.lines.callers == []
        assert is_let_in(await said(carrier, good(WEBHOOK, FORM)))


async def refuse_again(directory: Path, count: int) -> None:
    """What was signed once and is sent again, as it was or cut anew."""
    rng = random.Random(14)
    asked = good(WEBHOOK, FORM)
    async with opened(directory) as carrier:
        assert "token" in await said(carrier, asked)
        for _ in range(count):
            again = cut_anew(asked, rng)
            assert not is_let_in(await said(carrier, again)), again


async def refuse_starts(directory: Path, count: int) -> None:
    """Behind a handshake that is right: the first words of a stream with a token that is not."""
    rng = random.Random(15)
    async with opened(directory) as carrier:
        token = await carrier.token()
        for number in range(count):
            at = rng.randrange(len(token))
            letter = rng.choice([each for each in "Az09_- é" if each != token[at]])
            wrong = rng.choice(
                (token[:at] + letter + token[at + 1 :], token[:at], token + letter, "", token * 20)
            )
            begun = start(wrong)
            match number % 4:
                case 1:
                    begun["start"]["customParameters"] = {"Token": token}
                case 2:
                    begun["start"]["customParameters"] = {wrong: token}
                case 3:
                    begun["start"]["callSid"] = rng.choice(("", FORM["CallSid"] + "0", "CA"))
            end = await carrier.connect()
            await end.send_json({"event": "connected"})
            await end.send_json(begun)
            assert await closed(end)
        assert carrier.lines.callers == []


async def test_a_webhook_that_was_signed_once_mints_nothing_when_it_comes_again(
    tmp_path: Path,
) -> None:
    await refuse_again(tmp_path, 60)


async def test_300_changed_requests_are_refused(tmp_path: Path) -> None:
    await refuse_changed(tmp_path, 260)
    await refuse_starts(tmp_path, 40)


@pytest.mark.long
async def test_10_000_changed_requests_are_refused(tmp_path: Path) -> None:
    await refuse_changed(tmp_path, 7_000)
    await refuse_again(tmp_path, 1_000)
    await refuse_starts(tmp_path, 2_000)
