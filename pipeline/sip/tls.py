"""TLS as a calculation on bytes: who owns the socket passes them in and out.

The event loop's own TLS sets 256 KB aside for each connection before a handshake and starts it before anybody may ask
who calls; a thousand half-open connections would take 256 MB. This takes what OpenSSL needs, after the allow-list.
"""

from __future__ import annotations

import ssl

READ_BYTES = 16 * 1024


def client_context(ca_file: str) -> ssl.SSLContext:
    """For connections of ours to a carrier: its certificate is checked, chain and name."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


class TlsLayer:
    """One connection's TLS."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        """`server_name`: whom we connect to; None: somebody connects to us."""
        self._coming = ssl.MemoryBIO()
        self._going = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._coming, self._going, server_side=server_name is None, server_hostname=server_name
        )
        self.open = False
        """Whether the handshake is done."""
        self.closed = False
        """Whether the other side has said goodbye."""

    def receive(self, data: bytes) -> bytes:
        """Bytes of the socket in, plain bytes out; afterwards `outgoing` may hold an answer. Raises ssl.SSLError."""
        self._coming.write(data)
        plain = bytearray()
        try:
            if not self.open:
                self._tls.do_handshake()
                self.open = True
            while True:
                piece = self._tls.read(READ_BYTES)
                if not piece:
                    self.closed = True
                    break
                plain += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return bytes(plain)

    def begin(self) -> None:
        """Say the first word, as the side that connects."""
        self.receive(b"")

    def send(self, plain: bytes) -> None:
        """Plain bytes in; `outgoing` then holds them for the socket. Raises ssl.SSLError."""
        self._tls.write(plain)

    def goodbye(self) -> None:
        """Say that nothing follows, so that the other side need not take it for a cut."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:  # it has not said so itself, and is not waited for
            pass

    def outgoing(self) -> bytes:
        """What the socket is to send now."""
        return self._going.read()
