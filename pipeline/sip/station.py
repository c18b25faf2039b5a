"""What every call needs of the place it lives in: timers, transactions, our own address, chance.

A calculation; the shell gives it a way to send and a source of random names.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.sip.alarms import Alarms
from pipeline.sip.paths import Path
from pipeline.sip.settings import SignallingSettings
from pipeline.sip.shares import Shares
from pipeline.sip.transactions import COOKIE, Send, Transactions
from pipeline.sip.wire import Header

ALLOW: Header = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY")
SUPPORTED: Header = ("Supported", "timer")
EXTENSIONS = frozenset({"timer"})
"""What a request may require of us."""
SDP = "application/sdp"
ACCEPT: Header = ("Accept", f"{SDP}, application/dtmf-relay, application/dtmf")
USER = "wardline"


class Station:
    """One gateway's signalling, as its calls see it."""

    def __init__(self, settings: SignallingSettings, send: Send, token: Callable[[], str]) -> None:
        """`token` returns a new random name of letters and digits each time."""
        self.settings = settings
        self.token = token
        self.alarms = Alarms()
        self.transactions = Transactions(
            self.alarms, send, Shares(settings.max_transactions, len(settings.trunks))
        )
        self.send = send

    def sent_by(self, path: Path) -> str:
        """Our host and port, as the other side of this path reaches us."""
        host, port = path.advertised_host, path.own_port
        if not host:
            host = self.settings.advertised_host or path.own_host
            port = self.settings.advertised_ports.get(path.transport, port)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def contact(self, path: Path, *, secure: bool = False) -> Header:
        """Where requests of a dialog reach us."""
        scheme = "sips" if secure else "sip"
        return (
            "Contact",
            f"<{scheme}:{USER}@{self.sent_by(path)};transport={path.transport}>",
        )

    def via(self, path: Path) -> tuple[str, str]:
        """A Via for a request of ours, and the branch in it."""
        branch = COOKIE + self.token()
        return (
            f"SIP/2.0/{path.transport.upper()} {self.sent_by(path)};branch={branch};rport",
            branch,
        )
