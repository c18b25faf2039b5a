"""Certificates for servers of ours on 127.0.0.1, made by `wardline tls init`: good ones, and each kind of bad one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipeline.clock import wall_now
from pipeline.commands.tls import CA_CERT, CERT, KEY, make


@dataclass(frozen=True)
class Authority:
    """An authority with one certificate that it signed."""

    folder: Path

    @property
    def ca_file(self) -> str:
        return str(self.folder / CA_CERT)

    def server(self) -> ssl.SSLContext:
        """What a server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.show(context)
        return context

    def show(self, context: ssl.SSLContext) -> None:
        """From the next connection on."""
        context.load_cert_chain(self.folder / CERT, self.folder / KEY)


def authority(folder: Path, *, address: str = "127.0.0.1", age_days: int = 0) -> Authority:
    """A certificate lasts 397 days."""
    make(folder, [address], wall_now() - timedelta(days=age_days))
    return Authority(folder)
