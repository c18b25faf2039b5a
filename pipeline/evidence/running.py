"""Asks the server that runs with these settings what it has tested, by the same door as a monitor: `/healthz`.

Speaks to this machine's own listening address alone, and over TLS only to the certificate that the settings name.
Refuses to know what the facts mean.
"""

from __future__ import annotations

import json
import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from pipeline.errors import StartUpError
from pipeline.settings import Settings

LIMIT_S = 5.0
BODY_BYTES_MAX = 65_536
KEPT = ("ready", "version", "tested", "relaxed", "draining", "paused")
"""Of the answer; what else a later server says is its own affair."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not bound to


class NotAnswering(StartUpError):
    """There is no server, or something else answers in its place."""

    code = "server_not_answering"


def ask(settings: Settings) -> dict[str, Any]:
    """What the server says of itself; raises `NotAnswering`."""
    http = settings.http
    host = _EVERYWHERE.get(http.bind, http.bind)
    where = f"{host}:{http.port}"
    try:
        with closing(_connection(settings, host)) as connection:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            body = answer.read(BODY_BYTES_MAX + 1)
        found = json.loads(body)
        if not isinstance(found, dict) or not isinstance(found.get("tested"), dict):
            raise ValueError
    except (ConnectionRefusedError, TimeoutError):
        raise NotAnswering(f"no server runs at {where}") from None
    except ssl.SSLError:
        raise NotAnswering(
            f"what answers at {where} does not have the certificate in tls.cert"
        ) from None
    except (OSError, HTTPException, ValueError, RecursionError):
        raise NotAnswering(f"what answers at {where} is no server of ours") from None
    return {name: found[name] for name in KEPT if name in found}


def _connection(settings: Settings, host: str) -> HTTPConnection:
    port = settings.http.port
    if not settings.tls.cert:
        return HTTPConnection(host, port, timeout=LIMIT_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The file holds the one certificate that is right, whatever name it was made for.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(settings.tls.cert)
    return HTTPSConnection(host, port, timeout=LIMIT_S, context=context)
