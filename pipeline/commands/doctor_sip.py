"""`wardline doctor sip`: what stands between this machine and its first telephone call, each with what to do about it.

Nothing is sent to a carrier: the certificate is judged by this machine's own authorities, the name by its resolver.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from pipeline.certificate import certified_names, names_in
from pipeline.clock import wall_now
from pipeline.errors import StartUpError
from pipeline.machine.finding import Finding
from pipeline.setting_rules import (
    media_pairs,
    media_pairs_wanted,
    sip_certificate,
    telephone_calls_max,
)
from pipeline.settings import Settings
from pipeline.sip.self_call import Credentials, call_oneself
from pipeline.supervisor.relaxed import may_be_overheard

RENEW_DAYS = 14
NAMES_MAX = 4
TONE_SHARE_MIN = 0.99
"""G.711 alone leaves 0.9998 of it (38 dB)."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look, in the order in which a first call would fail."""
    yield _trunk(settings)
    yield _protection(settings)
    yield from _certificate(settings)
    yield _names(settings)
    yield from _signalling_ports(settings)
    yield _media_ports(settings)
    yield _self_call(settings)


def _trunk(settings: Settings) -> Finding:
    if not settings.trunk:
        return Finding(
            "trunk", "fail", "no [[trunk]] is configured: docs/telephony.md has one step by step"
        )
    names = ", ".join(f"{each.name} ({len(each.signalling)} networks)" for each in settings.trunk)
    if ipaddress.ip_address(settings.sip.bind).is_loopback:
        return Finding("trunk", "warn", f"{names}; sip.bind is loopback: no carrier can reach it")
    return Finding("trunk", "pass", names)


def _protection(settings: Settings) -> Finding:
    """Whether the sound of every trunk is protected on its way."""
    name = "trunk srtp"
    open_ones = ", ".join(each.name for each in settings.trunk if may_be_overheard(each))
    if not open_ones:
        return Finding(name, "pass", "no sound leaves this machine unprotected")
    return Finding(
        name,
        "warn",
        f"{open_ones}: sound that anybody on the way can hear is taken, and our own offers are never protected;"
        ' only srtp = "required" is',
    )


def _certificate(settings: Settings) -> Iterator[Finding]:
    name = "sip certificate"
    if not settings.sip.tls_port:
        yield Finding(name, "pass", "none needed: sip.tls_port is 0")
        return
    cert, key = sip_certificate(settings)
    if not cert:
        yield Finding(name, "fail", "sip.cert and sip.key: a carrier calls over TLS; set both")
        return
    try:
        chain = x509.load_pem_x509_certificates(Path(cert).read_bytes())
        private = load_pem_private_key(Path(key).read_bytes(), None)
    except (OSError, ValueError, TypeError):
        yield Finding(
            name, "fail", "sip.cert or sip.key is no readable PEM file without a password"
        )
        return
    own = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if own != chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        yield Finding(name, "fail", "sip.key is another certificate's key")
        return
    days = (chain[0].not_valid_after_utc - wall_now()).days
    if days < 0:
        yield Finding(
            name, "fail", "expired: renew it; a running gateway takes the new one by itself"
        )
    elif days <= RENEW_DAYS:
        yield Finding(
            name, "warn", f"expires in {days} days: renew it; a running gateway takes the new one"
        )
    else:
        yield Finding(name, "pass", f"valid for {days} days, {len(chain)} in the chain")
    yield _trusted(chain)


def _trusted(chain: list[x509.Certificate]) -> Finding:
    """Judge the chain as a carrier's machine would."""
    name = "certificate chain"
    wanted = _a_name(names_in(chain[0]))
    if not wanted:
        return Finding(
            name, "fail", "the certificate names no host: carriers check the name they call"
        )
    authorities = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not authorities:
        return Finding(
            name, "warn", "this machine knows no authority to judge by: install ca-certificates"
        )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", CryptographyDeprecationWarning
        )  # an old authority's odd serial number
        store = Store([x509.load_der_x509_certificate(each) for each in authorities])
    judge = (
        PolicyBuilder().store(store).time(wall_now()).build_server_verifier(x509.DNSName(wanted))
    )
    try:
        judge.verify(chain[0], chain[1:])
    except VerificationError:
        return Finding(
            name,
            "warn",
            "no public authority stands behind it: a carrier will refuse it (an exchange of your own may not);"
            " is the whole chain in sip.cert?",
        )
    return Finding(name, "pass", f"a public authority stands behind it, for {wanted}")


def _a_name(names: list[str]) -> str:
    """One host that the certificate is good for: of a pattern some host below it; "" where it names none."""
    return names[0].replace("*", "wardline") if names else ""


def _names(settings: Settings) -> Finding:
    """Whether the certified names lead here."""
    name = "sip name"
    cert, _ = sip_certificate(settings)
    wanted = sorted(certified_names(cert)) if cert else []
    usual = settings.sip.advertised_address or settings.sip.bind
    addresses = {trunk.advertised_address or usual for trunk in settings.trunk} or {usual}
    told = " or ".join(sorted(addresses))
    wrong = []
    for host in wanted[:NAMES_MAX]:
        try:
            found = {
                str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            }
        except (OSError, UnicodeError):
            wrong.append(f"{host} leads nowhere")
            continue
        if not addresses & found:
            wrong.append(f"{host} leads elsewhere")
    if wrong:
        return Finding(
            name, "warn", f"{'; '.join(wrong)}: the carrier must find {told} by the name it calls"
        )
    if not wanted:
        return Finding(name, "warn", f"nothing to look up; the carrier must reach {told}")
    return Finding(name, "pass", f"{', '.join(wanted[:NAMES_MAX])} -> {told}")


def _signalling_ports(settings: Settings) -> Iterator[Finding]:
    sip = settings.sip
    for way, port in (("tls", sip.tls_port), ("tcp", sip.tcp_port), ("udp", sip.udp_port)):
        if not port:
            continue
        kind = socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM
        fault = _bindable(sip.bind, port, kind)
        place = f"{way.upper()} {sip.bind}:{port}"
        if fault:
            yield Finding(
                f"sip.{way}_port",
                "fail",
                f"{place}: {fault}; stop what uses it (a running Wardline?) or set another",
            )
        else:
            yield Finding(f"sip.{way}_port", "pass", f"{place} is free")


def _bindable(host: str, port: int, kind: socket.SocketKind) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or "cannot be bound"
    return ""


def _media_ports(settings: Settings) -> Finding:
    sip, calls, wanted = settings.sip, telephone_calls_max(settings), media_pairs_wanted(settings)
    place, free = f"UDP {sip.rtp_port_min}-{sip.rtp_port_max}", 0
    for port in media_pairs(settings):
        free += not any(_bindable(sip.bind, each, socket.SOCK_DGRAM) for each in (port, port + 1))
        if free >= wanted:
            return Finding("rtp ports", "pass", f"{place}, {wanted} pairs for {calls} calls")
    return Finding(
        "rtp ports",
        "fail",
        f"{place}: {free} free pairs of an even port and the next, {wanted} needed for {calls} calls"
        f"{' that may each be bridged to a person' if wanted > calls else ''}:"
        " widen sip.rtp_port_min and sip.rtp_port_max, or lower sip.calls_max",
    )


def _self_call(settings: Settings) -> Finding:
    """Place one real call over loopback with the trunk's own certificate."""
    name, sip = "call to itself", settings.sip
    credentials, share = Credentials(), None
    try:
        credentials = _credentials(settings)
        share = asyncio.run(call_oneself(credentials, sip.rtp_port_min, sip.rtp_port_max))
    except (TimeoutError, StartUpError, OSError, ValueError) as error:
        kind = type(error).__name__
        return Finding(
            name, "fail", f"it did not come about ({kind}): mend what failed above, then look again"
        )
    if share is None:
        return Finding(name, "fail", "nobody answered: mend what failed above, then look again")
    how = "TLS and SRTP" if credentials.certificate_file else "UDP, not encrypted"
    if share < TONE_SHARE_MIN:
        return Finding(
            name, "fail", f"over {how}; the tone that came back was spoilt ({share:.0%} of it left)"
        )
    return Finding(name, "pass", f"answered over {how}; a tone went out and came back")


def _credentials(settings: Settings) -> Credentials:
    cert, key = sip_certificate(settings)
    if not settings.sip.tls_port or not cert:
        return Credentials()
    chain = x509.load_pem_x509_certificates(Path(cert).read_bytes())
    name = _a_name(names_in(chain[0]))
    public = _trusted(chain).verdict == "pass"
    return Credentials(cert, key, "" if public else cert, name)
