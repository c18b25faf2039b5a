"""What the operator may say about signalling: where to listen, who may call, how much of it.

Values only: the gateway maps its configuration to them, tests write them by hand. Nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Transport = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True, slots=True)
class Listen:
    """One address to take calls at."""

    transport: Transport
    host: str
    port: int
    """0: any free port (tests); `Trunks.ports` says which."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Name and password of one who calls: a trunk with each new call, or us (RFC 3261 section 22)."""

    user: str
    password: str = field(repr=False)
    realm: str = "wardline"
    """What we ask with; a trunk that asks us names its own."""


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """One carrier, exchange or softphone that may call."""

    name: str
    """Ours, safe in a log."""
    networks: tuple[str, ...]
    """Addresses its signalling comes from, in CIDR notation; anybody else gets no answer at all."""
    transports: tuple[Transport, ...] = ("tls",)
    """The ways it may use: a carrier that was promised TLS is not taken over UDP."""
    max_calls: int = 0
    """Calls at a time over this trunk; 0: only the gateway's own limit."""
    calls_per_s: float = 0.0
    """New calls a second over this trunk; 0: only the gateway's own limit."""
    digest: Digest | None = None
    """None: the addresses are the control, as with carriers that send no credentials."""
    outbound_digest: Digest | None = None
    """What calls of ours show to a trunk that asks; None: `digest`."""
    outbound_proxy: str = ""
    """Where calls of ours go first, a SIP URI with an address within `networks` (an edge's); "": to the person's own host."""
    shown_number: str = ""
    """Who a person sees calling, where we call them: the practice's number at the trunk; "": none."""
    advertised_host: str = ""
    """Name or address it reaches us at, at the ports we listen on; "": the gateway's own."""
    certificate_name: str = ""
    """The name in the carrier's certificate, checked when we open a connection to it; "": the host that its own
    Record-Route or Contact names."""

    @property
    def ours(self) -> Digest | None:
        """What we show to the trunk when it asks."""
        return self.outbound_digest or self.digest


@dataclass(frozen=True, slots=True)
class SignallingSettings:
    """Settings of the trunk side; every default has its reason beside it."""

    listen: tuple[Listen, ...]
    trunks: tuple[TrunkSettings, ...]
    """The first whose networks hold the sender's address takes the call."""
    certificate_file: str = ""
    """Chain in PEM, own certificate first; needed where a `Listen` says tls."""
    key_file: str = ""
    carrier_ca_file: str = ""
    """Who may have signed the carrier's certificate when we connect to it; "": the system's authorities."""
    advertised_host: str = ""
    """Name or address the carrier reaches us at, in Via and Contact; "": the address its packets came to."""
    advertised_ports: dict[Transport, int] = field(default_factory=dict)
    """Where an address translator moves ports; a missing transport is advertised at the port it listens on."""
    own_numbers: dict[str, str] = field(default_factory=dict)
    """What the practice calls each of its numbers, by the number: shown where a number of a patient must not be."""
    max_calls: int = 60
    """Calls at a time, ringing ones too, but not those that a person has; what is above gets 503."""
    calls_per_s: float = 20.0
    """New calls a second, as long as the burst is not larger: a practice's busiest minute has one."""
    retry_after_s: int = 10
    """Told with 503: carriers then try the next gateway and leave this one alone for so long."""
    ring_limit_ms: float = 20_000.0
    """A worker that is not ready by then will not be: the carrier tries elsewhere."""
    call_limit_ms: float = 3_600_000.0
    """No conversation with a receptionist lasts an hour: a forgotten line does."""
    talk_limit_ms: float = 14_400_000.0
    """From a person's answer on, where we carry the sound of both: what carriers give their own callers too."""
    emergency_number: str = "911"
    """What the practice's callers dial in an emergency: nobody is led there, nor called there, whatever a target says."""
    transfer_limit_ms: float = 60_000.0
    """A person who has not answered by then does not."""
    handshake_limit_ms: float = 5_000.0
    """Measured at 80 ms over a continent; who needs longer holds sockets on purpose."""
    message_limit_ms: float = 10_000.0
    """From the first byte of a message on a stream to its last, and from connecting to the first message."""
    idle_limit_ms: float = 600_000.0
    """A connection without a call and without keep-alives; carriers close theirs after minutes."""
    max_connections: int = 256
    """A carrier uses a handful for each of its proxies; what is above is closed at once. Of these three numbers each
    trunk has the same part, and one address at most half of that (`shares`)."""
    max_handshakes: int = 64
    """TLS handshakes at a time: each costs 1 ms of CPU, and a flood of them must not starve the calls."""
    max_transactions: int = 4_096
    """Requests whose answers are kept; what is above gets an answer that leaves nothing behind, and no call."""
