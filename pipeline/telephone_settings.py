"""Settings of the telephone: trunks, their gateway and an edge before it, carriers' streams, and whom callers are led to.

Values only, as in `pipeline.settings`, which holds these tables beside the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.setting_fields import items as _list
from pipeline.setting_fields import number as _number
from pipeline.setting_fields import one_of as _one_of
from pipeline.setting_fields import text as _text


@dataclass(frozen=True, slots=True)
class Sip:
    """The telephone gateway; it runs when a `[[trunk]]` is configured."""

    bind: str = _text("127.0.0.1", kind="address")
    """Loopback until somebody decides otherwise; a carrier needs an address it can reach."""
    advertised_address: str = _text(kind="address")
    """What carriers are told to send to, where an address translator stands before us; none: `bind`."""
    tls_port: int = _number(5061, 0, 65_535)
    """0: not listened on."""
    tcp_port: int = _number(0, 0, 65_535)
    """Without TLS: for an exchange in the practice's own network."""
    udp_port: int = _number(0, 0, 65_535)
    """The same."""
    cert: str = _text(kind="file")
    """PEM chain for the name in the trunk's origination address; none: `tls.cert`."""
    key: str = _text(kind="file")
    """None: `tls.key`."""
    advertised_tls_port: int = _number(0, 0, 65_535)
    """What the carrier is told, where an address translator moves ports; 0: `tls_port`."""
    advertised_tcp_port: int = _number(0, 0, 65_535)
    advertised_udp_port: int = _number(0, 0, 65_535)
    carrier_ca_file: str = _text(kind="file")
    """Who may have signed a carrier's certificate, where we connect to it; none: the system's authorities."""
    rtp_port_min: int = _number(24_000, 1024, 65_535)
    """Below Linux's ephemeral range (32768), and apart from `media`'s ports."""
    rtp_port_max: int = _number(24_999, 1024, 65_535)
    """Inclusive; a call takes two."""
    numbers: tuple[str, ...] = _list(kind="own_number")
    """What the practice calls its own numbers, e.g. ["front-desk +12125550100", "pediatrics +12125550101"]: the live view and the
    log then say which one was dialled, and from which one a call was forwarded. Other numbers are never shown."""
    when_busy: str = _one_of("line", "line", "refuse")
    """For a call that no worker can take. "line": it is answered and hears `lines.busy` of the call flow, then `transfer.busy`.
    "refuse": 503, for a carrier or an edge that tries another gateway then."""
    calls_max: int = _number(0, 0, 3_200)
    """Calls at a time, those that hear the busy line too; what is above gets 503. 0: twice as many as the workers have
    lines. A caller who talks with a person through us is not one of them: the ports for sound bound those."""
    calls_per_s: int = _number(20, 1, 1_000)
    """New calls a second; what is above gets 503, and carriers try elsewhere."""
    retry_after_s: int = _number(10, 1, 3_600)
    """Told with 503: carriers leave this gateway alone for so long."""
    ring_limit_ms: int = _number(20_000, 5_000, 120_000)
    """A call that no worker has taken by then is refused, so that the carrier tries elsewhere."""
    call_limit_ms: int = _number(3_600_000, 60_000, 14_400_000)
    """No conversation with a receptionist lasts an hour: a forgotten line does. `limits.call_limit_ms` ends the dialogue before."""
    talk_limit_ms: int = _number(14_400_000, 60_000, 14_400_000)
    """From then on when a person has the caller through us (a trunk's `transfer = "bridge"`): people on hold wait for long."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One carrier or exchange whose calls are answered."""

    name: str = _text(kind="id")
    """Ours, as it stands in the log."""
    signalling: tuple[str, ...] = _list(kind="narrow_network")
    """Networks its messages come from; anybody else gets no answer."""
    media: tuple[str, ...] = _list(kind="narrow_network")
    """Networks its sound comes from and goes to."""
    transports: tuple[str, ...] = _list("tls", choices=("tls", "tcp", "udp"))
    """The ways it may use: a carrier that was promised TLS is not taken over UDP."""
    srtp: str = _one_of("required", "required", "optional")
    """"optional" also takes sound that anybody on the way can hear, and offers none that is protected: for an exchange in
    the practice's own network that cannot encrypt."""
    codecs: tuple[str, ...] = _list("PCMU", "PCMA", "G722", choices=("PCMU", "PCMA", "G722"))
    """What is taken; the order is the caller's."""
    transfer: str = _one_of("refer", "refer", "bridge")
    """How its callers are led to a person. "refer": the trunk is asked to, and our part of the call ends. "bridge": the
    gateway calls the person over the trunk and carries the sound of both, where a trunk does not lead callers on or
    does not say that nobody answers; a call takes two more ports then, and holds them until it is over."""
    shown_number: str = _text(kind="shown_number")
    """With "bridge", who the person sees calling, e.g. "+12125550100": the practice's number at this trunk; none: no number."""
    outbound_proxy: str = _text(kind="gateway")
    """With "bridge", the address and port that the gateway's calls go through, e.g. "10.20.0.2:5061": an edge's inner door.
    It is within `signalling`; whom it passes calls on to is its own affair. None: to the host of the target."""
    calls_max: int = _number(0, 0, 3_200)
    """Calls at a time over this one; 0: only the gateway's own limit."""
    calls_per_s: int = _number(0, 0, 1_000)
    """New calls a second over this one; 0: only the gateway's own limit."""
    advertised_address: str = _text(kind="address")
    """What this one is told to send to, e.g. an exchange in the house beside a carrier beyond an address translator, at
    the ports that are listened on; none: `sip.advertised_address`."""
    transfer_domain: str = _text(kind="host")
    """Where this one reaches a target that is a number; none: `transfer.domain`."""
    certificate_name: str = _text(kind="host")
    """The name in the carrier's certificate, where we connect to it; none: the one its own messages name."""
    digest_user: str = _text(kind="id")
    """Where the trunk shows a name and a password with each call; carriers mostly do not."""
    digest_secret: str = _text(secret=True)
    outbound_user: str = _text(kind="id")
    """The name and the password that requests of the gateway's own (calls with "bridge", REFER, refreshes, BYE) show to a
    trunk that asks for them, once; none: `digest_user` and `digest_secret`."""
    outbound_secret: str = _text(secret=True)


@dataclass(frozen=True, slots=True)
class Edge:
    """Kamailio and rtpengine before several gateways: what `wardline edge-config` writes. No process of ours reads it."""

    bind: str = _text(kind="address")
    """The edge's address on the carrier's side."""
    advertised_address: str = _text(kind="address")
    """What the carrier reaches, where an address translator stands before the edge; none: `bind`."""
    inner_address: str = _text(kind="address")
    """Its address on the gateways' side; none: `bind`."""
    gateways: tuple[str, ...] = _list(kind="gateway")
    """Where our gateways listen, e.g. ["10.20.0.11:5061", "10.20.0.12:5061"]."""
    tls_port: int = _number(5061, 1, 65_535)
    cert: str = _text(kind="any_path")
    """On the edge: the chain for the name in the trunk's origination address."""
    key: str = _text(kind="any_path")
    gateway_ca_file: str = _text(kind="any_path")
    """On the edge: who signed the gateways' certificates; needed unless all of them are on the edge's own machine."""
    carrier_ca_file: str = _text(kind="any_path")
    """On the edge: who may have signed a carrier's certificate, where the edge connects to it; none: Debian's list."""
    media_port_min: int = _number(30_000, 1024, 65_535)
    media_port_max: int = _number(39_999, 1024, 65_535)
    """Inclusive; a call takes four."""
    calls_per_s: int = _number(20, 1, 1_000)
    """New calls a second from one address; with many more requests than such calls need the rest is dropped."""


@dataclass(frozen=True, slots=True)
class MediaStream:
    """Telephone calls that a carrier brings as a WebSocket (Twilio `<Stream>`), with no SIP in between."""

    auth_token: str = _text(secret=True)
    """The account's token, which signs every request; none: no carrier's calls are taken. Needs `http.public_url` with https."""
    bridge_token: str = _text(secret=True)
    """What a bridge of the practice's own, a program between its exchange and us, shows with every request in place of a
    signature (`Authorization: Bearer`); none: no bridge's calls are taken. Needs the same."""
    account: str = _text(kind="id")
    """The account's id (AccountSid); when it is set, signed calls of another are refused. A bridge has none."""
    busy: str = _one_of("say", "say", "reject")
    """What a caller meets when no line is free: the call flow's `lines.busy`, or the busy tone of a call that was not answered,
    so that the carrier tries what else it knows."""
    shown_number: str = _text(kind="shown_number")
    """Who a person sees calling, e.g. "+12125550100": a number of the account's. None: the caller's own, as the carrier does
    by itself; not with a target that is a SIP URI, whose headers would then hold the patient's number."""

    @property
    def open(self) -> bool:
        """Whether any calls are taken so."""
        return bool(self.auth_token or self.bridge_token)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Leading a caller of the telephone to a person. A web page shows the practice's number instead."""

    targets: tuple[str, ...] = _list(kind="transfer_target")
    """Everybody who may be called, "NAME NUMBER" or "NAME SIP-URI", e.g. ["front-desk +12125550123", "nurse
    sip:201@pbx.clinic.example"]. No other number is ever dialled, and never an emergency number."""
    domain: str = _text(kind="host")
    """Where a target that is a number is reached: the carrier's host for calls from us, e.g. clinic.pstn.example. A trunk
    with another has `transfer_domain`."""
    ladder: tuple[str, ...] = _list(kind="rung")
    """In which order, for a caller who wants a person, e.g. ["front-desk", "nurse", "message", "callback"]: "message" is
    recorded where the caller agreed to be recorded, else it is a "callback", a number to call back. None: the number is said."""
    after_hours: tuple[str, ...] = _list(kind="rung")
    """The same outside the hours of the call flow; none: as `ladder`."""
    urgent: tuple[str, ...] = _list(kind="rung")
    """After urgent words: targets alone, never a message; none: those of `ladder`."""
    busy: tuple[str, ...] = _list(kind="rung")
    """Who takes a caller for whom no line is free, once they have heard so (`sip.when_busy`): targets alone; none: the call ends."""
    limit_ms: int = _number(40_000, 5_000, 180_000)
    """A telephone rings for about 25 s before a mailbox takes it; after this time nobody answered."""
