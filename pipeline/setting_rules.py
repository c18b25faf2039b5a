"""What settings may not be together, and what several of them say between them: where things lie, who is let in.

Knows whole settings whose values are each fine by themselves (`setting_kinds.py`); reads no file and no environment.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pipeline import secret, transfer
from pipeline.egress import places
from pipeline.setting_kinds import is_loopback
from pipeline.settings import Practice, Settings, State
from pipeline.telephone_settings import Transfer, Trunk

NO_INPUT_MS_MIN = 2_000
"""Nobody has begun to answer sooner: the question would be asked over and over."""
PRODUCTION = "production"
_NOBODYS = re.compile(r"55501[0-9]{2}\Z")


def faults_across(s: Settings) -> Iterator[str]:
    """Faults that take two settings to see."""
    if bool(s.tls.cert) != bool(s.tls.key):
        yield "tls: write both tls.cert and tls.key, or neither"
    if not is_loopback(s.http.bind) and not s.tls.cert:
        yield (
            f"http.bind: {s.http.bind} is not loopback and tls.cert is not set; run `wardline tls init`"
            " and set tls.cert and tls.key, or write 127.0.0.1"
        )
    if s.media.port_max < s.media.port_min + 3:
        yield "media.port_max: must be at least media.port_min + 3"
    if 0 < s.turn.no_input_ms < NO_INPUT_MS_MIN:
        yield f"turn.no_input_ms: write 0 or at least {NO_INPUT_MS_MIN}"
    if s.media.end_after_ms <= s.media.reconnecting_after_ms:
        yield "media.end_after_ms: must be more than media.reconnecting_after_ms"
    if s.media.turn_url and not s.media.turn_secret:
        yield (
            "media.turn_secret: needs what the relay has as static-auth-secret, at least"
            f" {secret.CHARACTERS_MIN} characters; {secret.ADVICE}"
        )
    yield from places.unlisted_relay(s)
    yield from _about_the_engines(s)
    yield from _about_the_webhook(s)
    yield from _about_the_store(s)
    yield from _about_recording(s)
    yield from _about_the_telephone(s)
    yield from _about_transfer(s)
    if s.deployment.name == PRODUCTION:
        yield from _examples(s)
    if not s.state.directory:
        yield f'state.directory: write a folder, e.g. "{State().directory}"'


def _about_timed_engines(s: Settings) -> Iterator[str]:
    """A server that understands nobody is never one that a patient can reach."""
    if not s.engines.timed:
        return
    only = 'only a machine that measures itself may have it; write engines.timed = ""'
    if others := exposed_by(s):
        yield f"engines.timed: with {others} others reach this server; {only}"
    if any(not ipaddress.ip_network(text).is_loopback for t in s.trunk for text in t.signalling):
        yield f"engines.timed: a [[trunk]] brings real calls; {only}"
    if s.deployment.name == PRODUCTION:
        yield f'engines.timed: never with deployment.name = "{PRODUCTION}"; {only}'
    if s.recording.mode != "off":
        yield f"engines.timed: nobody can agree to be recorded; {only}"


def _about_the_webhook(s: Settings) -> Iterator[str]:
    if s.webhook.url and not s.webhook.secret:
        yield f"webhook.secret: needs at least {secret.CHARACTERS_MIN} characters; {secret.ADVICE}"
    if s.webhook.url and not s.webhook.addresses:
        yield (
            "webhook.addresses: list the networks the receiver is in, e.g. ["
            '"10.0.0.5/32"]: the server connects to nothing that is not listed'
        )


def _examples(s: Settings) -> Iterator[str]:
    """In production callers meet nothing that was written to try things out (row D23)."""
    if s.practice.name == Practice().name:
        yield f"practice.name: is the example's; deployment.name = \"{PRODUCTION}\" needs your practice's own"
    if _NOBODYS.search(re.sub(r"[^0-9]", "", s.practice.phone)):
        yield (
            "practice.phone: 555-0100 to 555-0199 are nobody's, for examples;"
            f' deployment.name = "{PRODUCTION}" needs a number that is answered'
        )


def _about_the_engines(s: Settings) -> Iterator[str]:
    for key, engine, needed in (
        ("engines.whisper_directory", s.engines.stt == "whisper", s.engines.whisper_directory),
        ("engines.piper_voice", s.engines.tts == "piper", s.engines.piper_voice),
        ("engines.llm_url", s.engines.llm == "openai", s.engines.llm_url),
        ("engines.llm_model", s.engines.llm == "openai", s.engines.llm_model),
    ):
        if engine and not needed:
            yield f"{key}: needed by the engine you chose"
    yield from _about_timed_engines(s)
    yield from places.unlisted_models(s)
    yield from _about_our_own_model_server(s)
    if s.practice.language != "en":
        # whoever hears and speaks: a caller who says "me duele el pecho" would meet no urgent sentence
        yield (
            f'practice.language: "{s.practice.language}" cannot be served yet, whichever engines are chosen: the'
            ' receptionist\'s own sentences, what it reads out of answers and its urgent phrases are English; write "en"'
        )


def _about_our_own_model_server(s: Settings) -> Iterator[str]:
    """One file says where `wardline models serve` listens and where calls ask: two ports would meet nobody."""
    engines, port = s.engines, s.llm_server.port
    if engines.llm != "openai" or not s.llm_server.executable:
        return
    urls = (engines.llm_url, *engines.llm_more_urls)
    here = [urlsplit(url) for url in urls if url and places.is_loopback_url(url)]
    ours = [each for each in here if (each.port or (443 if each.scheme == "https" else 80)) == port]
    if here and not ours:
        yield (
            f"llm_server.port: is {port}, and no address of engines.llm_url or engines.llm_more_urls on this machine has"
            " that port; write the same in both, or leave llm_server.executable empty where another program serves the model"
        )
    if any(each.scheme == "https" for each in ours):
        yield f"engines.llm_url: `wardline models serve` speaks plain http on 127.0.0.1; write http:// before port {port}"


def _about_the_store(s: Settings) -> Iterator[str]:
    store = s.store
    if not s.practice.id:
        yield "practice.id: write a short name for the practice; it is on every stored row"
    for key, wanted, given in (
        ("store.key_command", store.key == "command", bool(store.key_command)),
        ("store.key_text", store.key == "environment", bool(store.key_text)),
        ("store.key_credential", store.key == "credential", bool(store.key_credential)),
        (
            "store.credentials_directory",
            store.key == "credential",
            bool(store.credentials_directory),
        ),
    ):
        if wanted and not given:
            yield f'{key}: needed by store.key = "{store.key}"'
    if store.key_text and store.key != "environment":
        yield f'store.key_text: unused with store.key = "{store.key}"; remove the variable'
    data, key_file = data_directory(s), key_file_of(s)
    if data == key_file.parent or data in key_file.parents:
        yield "store.key_file: never beside the data it opens; give a path outside store.directory"
    for key, value in (("user", store.user), ("password_file", store.password_file)):
        if value and not store.url:
            yield f"store.{key}: is for store.url, which is not set"


def _about_recording(s: Settings) -> Iterator[str]:
    recording = s.recording
    names = [text.partition(" ")[0] for text in recording.days]
    if len(set(names)) < len(names):
        yield "recording.days: name each class once"
    if recording_directory(s) in key_file_of(s).parents:
        yield "recording.directory: never around the key that opens it; give another folder"
    if recording.mode == "off":
        return
    if recording.kept_as not in names:
        yield (
            f'recording.days: say how long the class "{recording.kept_as}" is kept,'
            f' e.g. ["{recording.kept_as} 30"]; there is no default'
        )
    if s.practice.consent == Practice().consent:
        yield (
            "practice.consent: it says that the caller's voice is not kept, and recording.mode may keep it;"
            " write what the page shall say before a call"
        )


def sip_certificate(s: Settings) -> tuple[str, str]:
    """Chain and key that the telephone shows where it speaks TLS: its own, or the pages'."""
    return (s.sip.cert, s.sip.key) if s.sip.cert else (s.tls.cert, s.tls.key)


def _about_the_telephone(s: Settings) -> Iterator[str]:
    yield from _about_streams(s)
    yield from _about_own_numbers(s)
    if s.edge.gateways and s.sip.when_busy != "refuse":
        yield (
            'sip.when_busy: write "refuse" with [edge], here and on every gateway: a full gateway else answers with the busy'
            " line, and the edge asks no other"
        )
    if not s.trunk:
        return
    sip = s.sip
    ports = {"tls": sip.tls_port, "tcp": sip.tcp_port, "udp": sip.udp_port}
    if ports["tls"] and not sip_certificate(s)[0]:
        yield "sip.cert: needed by sip.tls_port; set it and sip.key (or [tls]), or write sip.tls_port = 0"
    if bool(sip.cert) != bool(sip.key):
        yield "sip.cert: write both sip.cert and sip.key, or neither"
    if ports["tls"] and ports["tls"] == ports["tcp"]:
        yield "sip.tcp_port: is sip.tls_port already; write another, or 0"
    told = sip.advertised_address or all(trunk.advertised_address for trunk in s.trunk)
    if ipaddress.ip_address(sip.bind).is_unspecified and not told:
        yield f"sip.advertised_address: needed with sip.bind = {sip.bind}: a carrier must be told one address"
    if sip.rtp_port_max < sip.rtp_port_min + 3:
        yield "sip.rtp_port_max: must be at least sip.rtp_port_min + 3"
    if sip.rtp_port_min <= s.media.port_max and s.media.port_min <= sip.rtp_port_max:
        yield "sip.rtp_port_min: the ports of sip and media overlap; move one of the two ranges"
    names = [trunk.name for trunk in s.trunk]
    for number, trunk in enumerate(s.trunk, 1):
        for fault in (*_about_a_trunk(trunk, ports), *_about_bridging(trunk, s.transfer)):
            yield f"trunk[{number}].{fault}"
        if trunk.name in names[: number - 1]:
            yield f"trunk[{number}].name: another trunk has it already"


def _about_streams(s: Settings) -> Iterator[str]:
    stream = s.media_stream
    if not stream.open:
        return
    if not s.http.public_url.startswith("https:"):
        key = "auth_token" if stream.auth_token else "bridge_token"
        yield (
            f"media_stream.{key}: who brings calls is told our public address, and a carrier signs it; set"
            " http.public_url, with https"
        )
    if stream.auth_token == stream.bridge_token:
        yield "media_stream.bridge_token: is the carrier's auth_token; a bridge needs one of its own"
    if not stream.shown_number and any("@" in text for text in s.transfer.targets):
        yield (
            "media_stream.shown_number: needed with a target that is a SIP URI: without it the carrier writes the"
            " patient's number into that call's headers; give a number of the account's"
        )


def _about_a_trunk(trunk: Trunk, ports: dict[str, int]) -> Iterator[str]:
    if not trunk.name:
        yield "name: write a short name"
    for key, networks in (("signalling", trunk.signalling), ("media", trunk.media)):
        if not networks:
            yield f'{key}: list the networks it uses, e.g. ["203.0.113.0/30"]'
    if not any(ports[each] for each in trunk.transports):
        yield "transports: none of them is listened on; set sip.tls_port, sip.tcp_port or sip.udp_port"
    if not trunk.codecs:
        yield "codecs: write at least one"
    if bool(trunk.digest_user) != bool(trunk.digest_secret):
        yield "digest_user: write both digest_user and digest_secret, or neither"
    if bool(trunk.outbound_user) != bool(trunk.outbound_secret):
        yield "outbound_user: write both outbound_user and outbound_secret, or neither"


def telephone_calls_max(s: Settings) -> int:
    """Calls of trunks at a time. Who hears the busy line is in a call too, without a worker's line."""
    return s.sip.calls_max or 2 * s.workers.count * s.workers.calls_per_worker


def media_pairs_wanted(s: Settings) -> int:
    """Pairs of ports for that many calls, each with a person on a second leg where a trunk bridges."""
    bridges = any(trunk.transfer == "bridge" for trunk in s.trunk)
    return telephone_calls_max(s) * (2 if bridges else 1)


def media_pairs(s: Settings) -> range:
    """The first port of each pair in the range: sound on an even one, its reports on the next."""
    first = s.sip.rtp_port_min
    return range(first + first % 2, s.sip.rtp_port_max, 2)


def _about_own_numbers(s: Settings) -> Iterator[str]:
    numbers = [text.split()[1].lstrip("+") for text in s.sip.numbers]
    if len(set(numbers)) < len(numbers):
        yield "sip.numbers: name each number once"


def _about_bridging(trunk: Trunk, leading: Transfer) -> Iterator[str]:
    """Whom the gateway calls itself must be within the trunk's networks, or a name that is looked up in them."""
    if trunk.transfer != "bridge":
        return
    networks = [ipaddress.ip_network(text) for text in trunk.signalling]
    if trunk.outbound_proxy:  # it knows who may be called
        proxy = ipaddress.ip_address(trunk.outbound_proxy.rpartition(":")[0].strip("[]"))
        if not any(proxy in network for network in networks):
            yield "outbound_proxy: its address must be in signalling"
        return
    domain = trunk.transfer_domain or leading.domain
    hosts = {transfer.host_of(text) or domain for text in leading.targets}
    for host in sorted(hosts - {""}):
        try:
            address = ipaddress.ip_address(host.partition(":")[0])
        except ValueError:
            if set(trunk.transports) == {"udp"}:
                yield 'transfer: "bridge" over UDP needs targets with an address for a host, not with a name'
            continue
        if not any(address in network for network in networks):
            yield 'transfer: with "bridge" each target\'s address must be in signalling: list its network there'


def _about_transfer(s: Settings) -> Iterator[str]:
    names = [text.partition(" ")[0] for text in s.transfer.targets]
    if len(set(names)) < len(names):
        yield "transfer.targets: name each target once"
    for text in s.transfer.targets:
        if transfer.dials_emergency(text, s.practice.emergency_number):
            yield (
                "transfer.targets: holds the practice's emergency number, or another country's; the server never dials it,"
                " callers are told to"
            )
    numbers = any("@" not in text for text in s.transfer.targets)
    # A carrier of streams dials numbers by itself.
    known = all(trunk.transfer_domain for trunk in s.trunk) if s.trunk else s.media_stream.open
    if numbers and not s.transfer.domain and not known:
        yield "transfer.domain: needed for targets that are numbers; write the carrier's host for calls from you"
    for key, rungs in (
        ("ladder", s.transfer.ladder),
        ("after_hours", s.transfer.after_hours),
        ("urgent", s.transfer.urgent),
        ("busy", s.transfer.busy),
    ):
        if set(rungs) - {*names, *transfer.STEPS}:
            yield f"transfer.{key}: names somebody who is not in transfer.targets"
        if len(set(rungs)) < len(rungs):
            yield f"transfer.{key}: name each step once"
        steps = [rung in transfer.STEPS for rung in rungs]
        if steps != sorted(steps) or (transfer.CALLBACK in rungs[:-1]):
            yield (
                f'transfer.{key}: write people first, then "{transfer.MESSAGE}", and "{transfer.CALLBACK}" last'
            )
    if set(s.transfer.urgent) & set(transfer.STEPS):
        yield "transfer.urgent: an urgent call never ends in a message; write targets only"
    if set(s.transfer.busy) & set(transfer.STEPS):
        yield "transfer.busy: nobody is there to take a message; write targets only"
    if (s.transfer.after_hours or s.transfer.urgent) and not s.transfer.ladder:
        yield "transfer.ladder: needed beside transfer.after_hours and transfer.urgent"


def transfer_uris(s: Settings, trunk: Trunk) -> dict[str, str]:
    """Whom the gateway may call for this trunk's callers: the name a worker says, and the SIP URI it stands for."""
    targets = transfer.targets_of(s.transfer.targets)
    domain = trunk.transfer_domain or s.transfer.domain
    return {name: target.uri(domain) for name, target in targets.items()}


def ladders(s: Settings) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """For a caller who wants a person, the same outside the hours, and after urgent words."""
    ladder = s.transfer.ladder
    people = tuple(rung for rung in ladder if rung not in transfer.STEPS)
    return ladder, s.transfer.after_hours or ladder, s.transfer.urgent or people


def exposed_by(s: Settings) -> str:
    """The setting by which others reach the server, itself or through a proxy; "": nobody does."""
    if not is_loopback(s.http.bind):
        return "http.bind"
    if s.http.public_url and not is_loopback(urlsplit(s.http.public_url).hostname or ""):
        return "http.public_url"
    if any(not ipaddress.ip_network(text).is_loopback for text in s.media.allowed_networks):
        return "media.allowed_networks"
    if s.trunk and not is_loopback(s.sip.bind):
        return "sip.bind"
    return ""


def recording_directory(s: Settings) -> Path:
    """Where this practice's sealed recordings lie; a whole path."""
    base = s.recording.directory or Path(s.state.directory) / "recordings"
    return Path(os.path.abspath(base)) / s.practice.id


def recording_days(s: Settings) -> dict[str, int]:
    """How long each class of recordings is kept."""
    parts = (text.partition(" ") for text in s.recording.days)
    return {name: int(days) for name, _, days in parts}


def data_directory(s: Settings) -> Path:
    """Where sealed rows lie; a whole path."""
    return Path(os.path.abspath(s.store.directory or Path(s.state.directory) / "data"))


def key_file_of(s: Settings) -> Path:
    """Where the install key lies when it is a file; a whole path."""
    return Path(os.path.abspath(s.store.key_file or Path(s.state.directory) / "keys/install.key"))
