"""Where a patient's words go, and who else touches them, from the configuration: text and a Mermaid diagram.

Only what the settings name can appear here, and everything they name does: a destination that is not on this
page cannot be reached, since the guard and the kernel's rules are made from the same list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from pipeline.egress.places import KINDS, is_loopback_url, listed
from pipeline.settings import Settings

HERE = "this machine"


@dataclass(frozen=True, slots=True)
class Flow:
    """One stream of data between two parties."""

    source: str
    target: str
    what: str
    how: str
    outside: bool
    """One end is somebody else's computer."""
    setting: str
    """The key that brings it about."""


@dataclass(frozen=True, slots=True)
class SubProcessor:
    """An outside party that carries or sees data of callers."""

    name: str
    kind: str
    sees: str
    where: str


def flows(settings: Settings) -> Iterator[Flow]:
    """Every stream, the caller's first."""
    s = settings
    web = "HTTPS" if s.tls.cert else "HTTP on loopback"
    yield Flow(
        "Caller's browser", "Supervisor", "signalling, typed answers", web, True, "http.bind"
    )
    for proxy in s.http.trusted_proxies:
        yield Flow(
            f"Proxy {proxy}", "Supervisor", "all signalling", web, True, "http.trusted_proxies"
        )
    yield Flow(
        "Caller's browser", "Voice worker", "voice, keys, captions", "DTLS-SRTP, UDP", True, "media"
    )
    yield Flow("Supervisor", "Voice worker", "signalling", "socket pair", False, "workers")
    yield Flow(
        "Voice worker", f"Speech recognition ({s.engines.stt})", "voice", HERE, False, "engines.stt"
    )
    if s.engines.llm == "openai":
        for key, urls in (
            ("engines.llm_url", (s.engines.llm_url,)),
            ("engines.llm_more_urls", s.engines.llm_more_urls),
        ):
            for url in urls:
                here = is_loopback_url(url)
                secure = "HTTPS" if url.startswith("https:") else "HTTP"
                how = f"{secure} on loopback" if here else f"{secure} in the practice's network"
                yield Flow(
                    "Voice worker",
                    f"Language model at {url}",
                    "words of the call",
                    how,
                    not here,
                    key,
                )
    else:
        yield Flow(
            "Voice worker", "Scripted receptionist", "words", "in the process", False, "engines.llm"
        )
    yield Flow(
        "Voice worker", f"Voice ({s.engines.tts})", "words to say", HERE, False, "engines.tts"
    )
    yield Flow("Supervisor", "Staff's browser", "masked request, live view", web, True, "http.bind")
    if s.store.key == "command":
        program = PurePath(s.store.key_command[0]).name
        how = "a program of yours, with no guard in it"
        yield Flow(
            "Supervisor",
            f"Key program {program}",
            "asks for the key",
            how,
            False,
            "store.key_command",
        )
    text = "events, no words" if s.log.text == "off" else "events, redacted words of libraries"
    yield Flow(
        "Supervisor", s.log.file or "Event log", text, "file or standard error", False, "log"
    )
    yield from _telephone(s)
    for place in listed(s):
        where = f"{place.network} {place.first_port}-{place.last_port}/{place.transport}"
        source = "Voice worker" if place.kind in {"carrier", "turn", "model"} else "Supervisor"
        target = f"{place.kind.capitalize()} {place.name}"
        yield Flow(source, target, KINDS[place.kind], where, True, "egress.destinations")


def _telephone(s: Settings) -> Iterator[Flow]:
    if s.media_stream.open:
        yield Flow(
            "Carrier (media stream)", "Supervisor", "voice, keys", "HTTPS", True, "media_stream"
        )
        yield Flow(
            "Supervisor", "Voice worker", "voice, keys", "local socket", False, "media_stream"
        )
    if not s.trunk:
        return
    gateway = "Telephone gateway"
    yield Flow("Supervisor", gateway, "tokens of calls", "socket pair", False, "trunk")
    yield Flow(gateway, "Voice worker", "voice, keys", "local socket", False, "trunk")
    for trunk in s.trunk:
        ways = "/".join(each.upper() for each in trunk.transports)
        secure = "SRTP" if trunk.srtp == "required" else "RTP or SRTP"
        yield Flow(
            gateway,
            f"Carrier {trunk.name}",
            "voice, keys, telephone numbers",
            f"SIP over {ways}; {secure}",
            True,
            "trunk",
        )


def sub_processors(settings: Settings) -> list[SubProcessor]:
    """Outside parties by name; an empty list says that no one but caller and practice takes part."""
    found = [
        SubProcessor(
            place.name,
            place.kind,
            KINDS[place.kind],
            f"{place.network} {place.first_port}-{place.last_port}/{place.transport}",
        )
        for place in listed(settings)
    ]
    found += [
        SubProcessor(
            trunk.name, "carrier", KINDS["carrier"], ", ".join((*trunk.signalling, *trunk.media))
        )
        for trunk in settings.trunk
    ]
    if settings.media_stream.open:
        found.append(
            SubProcessor("media stream", "carrier", "voice, keys, telephone numbers", "anywhere")
        )
    found += [
        SubProcessor(proxy, "proxy", "all signalling, decrypted if it ends TLS", proxy)
        for proxy in settings.http.trusted_proxies
    ]
    return found


def text(settings: Settings) -> str:
    """For reading."""
    lines = [f"Data flow of {settings.practice.name}", ""]
    for flow in flows(settings):
        mark = "outside" if flow.outside else "inside"
        lines.append(
            f"{mark:<8} {flow.source} -> {flow.target}: {flow.what} ({flow.how}) [{flow.setting}]"
        )
    lines += ["", "Sub-processors"]
    parties = sub_processors(settings)
    for party in parties:
        lines.append(f"{party.kind:<8} {party.name}: {party.sees} ({party.where})")
    if not parties:
        lines.append("none: nobody but the caller and the practice takes part")
    for kind, what in (
        ("carrier", "telephone calls are not configured"),
        ("turn", "no relay is configured"),
    ):
        if not any(party.kind == kind for party in parties):
            lines.append(f"{kind:<8} none: {what}")
    return "\n".join(lines) + "\n"


def mermaid(settings: Settings) -> str:
    """A flowchart: what is outside the machine stands outside the box."""
    found = list(flows(settings))
    inside = {"Supervisor", "Voice worker"} | {f.target for f in found if not f.outside}
    names = dict.fromkeys(name for flow in found for name in (flow.source, flow.target))
    ids = {name: f"n{index}" for index, name in enumerate(names)}
    lines = ["flowchart LR", "  subgraph machine [This machine]"]
    lines += [f'    {ids[name]}["{_label(name)}"]' for name in names if name in inside]
    lines.append("  end")
    lines += [f'  {ids[name]}("{_label(name)}")' for name in names if name not in inside]
    lines += [
        f'  {ids[flow.source]} -- "{_label(flow.what)}<br>{_label(flow.how)}" --> {ids[flow.target]}'
        for flow in found
    ]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return re.sub(r"[^\w .,:;/()'@+-]", " ", text)
