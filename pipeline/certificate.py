"""The certificate a listener shows, for pages and for telephone calls, and its replacement while connections are open.

A new pair is loaded whole into a context of its own and takes over only when certificate and key fit, so
that a half-written or broken pair never meets a caller. This file refuses to know what is served behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from cryptography import x509

from pipeline.errors import StartUpError
from pipeline.telemetry.events import Event, emit

CHECK_EVERY_MS = 2_000.0
"""How soon a certificate that another program renewed is in use without a signal."""


class CertificateLoaded(Event):
    """New handshakes use the certificate on disk now; `accepted` false keeps the old one."""

    accepted: bool


class Certificate:
    """Listen with `context`; `watch` keeps it fresh. Open connections keep the certificate they began with."""

    def __init__(self, chain: str, key: str, table: str = "tls") -> None:
        """Load the pair that `table` of the configuration names, or raise a sentence."""
        self._chain, self._key, self._table = chain, key, table
        self._current = self._loaded()
        self._wanted = asyncio.Event()
        self.context = self._loaded()
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Somebody asks (SIGHUP): read the files now, changed or not."""
        self._wanted.set()

    async def watch(self) -> None:
        """Load the pair again when its files change or `reload` asks; runs until cancelled."""
        seen = await asyncio.to_thread(_stamp_of, self._chain, self._key)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_EVERY_MS / 1000):
                    await self._wanted.wait()
            stamp = await asyncio.to_thread(_stamp_of, self._chain, self._key)
            if stamp == seen and not self._wanted.is_set():
                continue
            seen = stamp
            self._wanted.clear()
            try:
                self._current = await asyncio.to_thread(self._loaded)
            except StartUpError:
                emit(CertificateLoaded(accepted=False))
            else:
                emit(CertificateLoaded(accepted=True))

    def _choose(self, handshake: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
        """OpenSSL asks at each ClientHello, with or without a name in it."""
        del name, first
        handshake.context = self._current

    def _loaded(self) -> ssl.SSLContext:
        """TLS 1.2 or later, without renegotiation, with the configured pair; or a sentence."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_SINGLE_ECDH_USE
        try:
            context.load_cert_chain(self._chain, self._key, password=_no_password)
        except (OSError, ssl.SSLError, StartUpError):
            raise StartUpError(
                f"{self._table}.cert {self._chain} and {self._table}.key {self._key} cannot be used together; give a PEM"
                " certificate and its PEM key without a passphrase, or run `wardline tls init`"
            ) from None
        return context


def certified_names(chain: str) -> frozenset[str]:
    """The host names that a certificate file vouches for; none when it cannot be read.

    A pattern (`*.clinic.example`) is no name: whoever answers for that zone could point one at us.
    """
    try:
        own = x509.load_pem_x509_certificates(Path(chain).read_bytes())[0]
    except (OSError, ValueError):  # `Certificate` says what is wrong
        return frozenset()
    return frozenset(name.lower() for name in names_in(own) if "*" not in name)


def names_in(certificate: x509.Certificate) -> list[str]:
    """The host names and patterns that a certificate was made for, in its order."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    return list(found.get_values_for_type(x509.DNSName))


def _no_password() -> str:
    raise StartUpError("the key has a passphrase")


def _stamp_of(*paths: str) -> tuple[int, ...]:
    """What tells whether files were replaced; empty while one of them is missing."""
    try:
        found = [Path(path).stat() for path in paths if path]
    except OSError:  # half way through being replaced
        return ()
    return tuple(number for s in found for number in (s.st_mtime_ns, s.st_ino, s.st_size))
