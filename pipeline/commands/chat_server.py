"""A model's chat server as an operator's commands meet it: is it there, is it the right one, does it do what calls need.

One request at a time and no caller's words: the question is ours, and of what comes back a model's name is shown at
most. What calls themselves send and how they bear a bad server is `models.openai_llm`'s.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from models.chat_wire import Dialect, ReplyReader, Wording, body
from models.errors import EngineFailed
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta
from pipeline.clock import MonotonicClock
from pipeline.machine.finding import Finding
from pipeline.settings import Engines

NAME = "language model"
LIST_LIMIT_S = 5.0
"""A healthy server lists its models in milliseconds, a loaded one too."""
ANSWER_LIMIT_S = 30.0
"""The first answer bound to a schema compiles it."""
ANSWER_BYTES_MAX = 1 << 20
CONTEXT_TOKENS_MIN = 4_096
"""A booking with its rules and forms takes less than 4,000."""
NAMES_SHOWN = 3

WORD = "zinnia"
"""No model says this to a greeting by itself."""
FORM: dict[str, object] = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": [WORD]}},
    "required": ["word"],
    "additionalProperties": False,
}
QUESTION = ReplyRequest(
    "doctor",
    (ChatMessage("system", "Greet the caller."), ChatMessage("user", "hello")),
    temperature=0.0,
    answer_schema=FORM,
    speculative=True,  # whoever is in a call comes first
    max_tokens=32,
)

_SHOWABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,79}\Z")
_EXPIRED, _OTHER_NAME = frozenset({10}), frozenset({62, 64})
"""X509_V_ERR_CERT_HAS_EXPIRED; _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH, of OpenSSL's x509_vfy.h."""


class Unfit(Exception):
    """What is wrong with a server, in a sentence that says what to do; it quotes nothing the server sent."""


@dataclass(frozen=True, slots=True)
class Served:
    """What one server said of itself."""

    context_tokens: int | None
    """None: it does not say."""
    keeps_to_schemas: bool


def look(engines: Engines) -> Finding:
    """Ask every configured server; the first fault is told with the key of its address."""
    if engines.llm != "openai":
        return Finding(NAME, "pass", "none is configured: the call flow speaks for itself")
    found: list[Served] = []
    for key, url in _addresses(engines):
        try:
            found.append(_asked(engines, url))
        except Unfit as fault:
            return Finding(NAME, "fail", f"{key}: {fault}")
    contexts = [one.context_tokens for one in found if one.context_tokens is not None]
    if not all(one.keeps_to_schemas for one in found):
        return Finding(
            NAME,
            "warn",
            "an answer did not keep to its schema, so what the script cannot read stays unread; serve the model with"
            " structured outputs (`wardline models serve` does)",
        )
    if contexts and min(contexts) < CONTEXT_TOKENS_MIN:
        return Finding(
            NAME,
            "warn",
            f"{min(contexts)} tokens of context, and a long call needs {CONTEXT_TOKENS_MIN}: raise"
            " llm_server.context_tokens, or choose another model",
        )
    context = f"{min(contexts)} tokens of context" if contexts else "it does not say its context"
    several = f"{len(found)} servers serve" if len(found) > 1 else "the server serves"
    return Finding(NAME, "pass", f"{several} the model; answers keep to a schema; {context}")


def connect(engines: Engines, url: str, limit_s: float) -> HTTPConnection:
    """A connection to an address of `engines`, over the configured authority; raises `Unfit` when that is none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return HTTPConnection(host, parts.port, timeout=limit_s)
    try:
        context = ssl.create_default_context(cafile=engines.llm_ca_file or None)
    except (OSError, ssl.SSLError):
        raise Unfit(
            "engines.llm_ca_file cannot be read as a certificate: give the path of a PEM file"
        ) from None
    host = "127.0.0.1" if host == "localhost" else host  # as calls do: no name is looked up
    return HTTPSConnection(host, parts.port, timeout=limit_s, context=context)


def reason(error: OSError | HTTPException | ValueError, engines: Engines) -> str:
    """Why a server could not be asked, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _EXPIRED:
            return "its certificate has expired: renew it"
        if error.verify_code in _OTHER_NAME:
            return "its certificate is for another address: one is needed that names this address (subjectAltName IP)"
        if engines.llm_ca_file:
            return "its certificate is not of the authority in engines.llm_ca_file: name the one that signed it"
        return "its certificate is of no authority this machine knows: name the one that signed it in engines.llm_ca_file"
    if isinstance(error, ssl.SSLError):
        return "it speaks no TLS: write http:// if it is on this machine, or give it a certificate"
    if isinstance(error, TimeoutError):
        return "it does not answer in time: look at its load and its log, or correct the address"
    if isinstance(error, OSError):
        return "nothing answers there: start the model's server (`wardline models serve`), or correct the address"
    return "what answers there does not speak the protocol: the address is one like http://127.0.0.1:8000/v1"


def _addresses(engines: Engines) -> Iterator[tuple[str, str]]:
    yield "engines.llm_url", engines.llm_url
    for at, url in enumerate(engines.llm_more_urls, 1):
        yield f"engines.llm_more_urls, number {at}", url


def _asked(engines: Engines, url: str) -> Served:
    try:
        context = _context(engines, _listed(engines, url))
        return Served(context, _keeps_to_schemas(engines, url))
    except (OSError, HTTPException, ValueError) as error:
        raise Unfit(reason(error, engines)) from None


def _listed(engines: Engines, url: str) -> list[dict[str, object]]:
    """The models it says it serves."""
    with closing(connect(engines, url, LIST_LIMIT_S)) as connection:
        connection.request("GET", _path(url, "/models"), headers=_headers(engines))
        with connection.getresponse() as answer:
            _check(answer.status)
            read = b"".join(_pieces(answer, LIST_LIMIT_S))
    data = _parsed(read)
    models = data.get("data") if isinstance(data, dict) else None
    if not isinstance(models, list) or not all(isinstance(one, dict) for one in models):
        raise ValueError
    return models


def _context(engines: Engines, models: list[dict[str, object]]) -> int | None:
    """How long a conversation the configured model may be given; `Unfit` when it is not among them."""
    for one in models:
        if one.get("id") == engines.llm_model:
            length = one.get("max_model_len")  # vLLM's own field
            return length if isinstance(length, int) else None
    ids = [one.get("id") for one in models]
    names = [name for name in ids if isinstance(name, str) and _SHOWABLE.match(name)]
    served = ", ".join(names[:NAMES_SHOWN]) or "none with a plain name"
    raise Unfit(f"it serves no model of the name in engines.llm_model; it serves {served}")


def _keeps_to_schemas(engines: Engines, url: str) -> bool:
    """Whether an answer that must be one certain form is that form; asked in the very words of a call's request."""
    dialect: Dialect = "vllm" if engines.llm_dialect == "vllm" else "plain"
    asked = body(Wording(engines.llm_model, dialect), QUESTION)
    reader, said = ReplyReader(), ""
    with closing(connect(engines, url, ANSWER_LIMIT_S)) as connection:
        connection.request("POST", _path(url, "/chat/completions"), asked, _headers(engines))
        with connection.getresponse() as answer:
            _check(answer.status)
            try:
                for piece in _pieces(answer, ANSWER_LIMIT_S):
                    said += _text(reader.feed(piece))
                said += _text(reader.end())
            except EngineFailed as failure:
                raise Unfit(f"{failure}: look at the server's own log") from None
    try:
        return _parsed(said) == {"word": WORD}
    except ValueError:
        return False


def _pieces(answer: HTTPResponse, limit_s: float) -> Iterator[bytes]:
    """What comes, until it ends, is too much or too late: a server that drips for ever holds nobody up."""
    clock, size = MonotonicClock(), 0
    over_ms = clock.now_ms() + limit_s * 1_000
    while piece := answer.read1(ANSWER_BYTES_MAX):
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            raise ValueError
        if clock.now_ms() > over_ms:
            raise TimeoutError
        yield piece


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError from None


def _text(events: list[ReplyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _path(url: str, name: str) -> str:
    return urlsplit(url).path.rstrip("/") + name


def _headers(engines: Engines) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "wardline"}
    if engines.llm_api_key:
        headers["Authorization"] = f"Bearer {engines.llm_api_key}"
    return headers


def _check(status: int) -> None:
    if status == 200:
        return
    what = {
        401: "it refuses the key: write the server's own into engines.llm_api_key",
        403: "it refuses the key: write the server's own into engines.llm_api_key",
        404: "it has nothing below that path: an address usually ends with /v1",
        400: "it refuses a call's request: vLLM needs --scheduling-policy priority; for another server write"
        ' engines.llm_dialect = "plain"',
    }
    said = what.get(status, "look at the server's own log")
    raise Unfit(f"status {status}: {said}")
