"""A hub on 127.0.0.1 with the paths of the real one, that cuts, lies, stalls and changes its mind when it is told to."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

COMMIT = "1" * 40


@dataclass
class Request:
    """One that was made."""

    path: str
    headers: dict[str, str]


@dataclass
class Hub:
    """What it holds and how it behaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    """By `OWNER/NAME/PATH`."""
    large: frozenset[str] = frozenset()
    """Announced by SHA-256, as large files are; the others by git's SHA-1."""
    commit: str = COMMIT
    requests: list[Request] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """How many bytes each next answer with a large file brings before the line breaks."""
    statuses: list[int] = field(default_factory=list)
    """What each next download is answered with instead."""
    ranges: bool = True
    tags: bool = True
    weak_tags: bool = False
    send_on: str = ""
    """Downloads are sent on to this address, the path behind it."""
    stall_s: float = 0.0
    trickle_s: float = 0.0
    announced: dict[str, str] = field(default_factory=dict)
    """Wrong sums for the list."""
    lengths: dict[str, int] = field(default_factory=dict)
    """Wrong lengths for the list."""
    listing: Callable[[dict[str, Any]], Any] = lambda tree: tree
    served: Callable[[str, bytes], bytes] = lambda path, data: data
    before: Callable[[str], None] = lambda path: None

    def downloads(self) -> list[Request]:
        """What was asked for besides lists."""
        return [each for each in self.requests if "/resolve/" in each.path]


class HubServer:
    """Serves a `Hub` in a thread."""

    def __init__(self, hub: Hub, tls: ssl.SSLContext | None = None) -> None:
        """Listens at once."""
        self.hub, self._scheme = hub, "https" if tls else "http"
        handler = type("Handler", (_Handler,), {"hub": hub})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        """Of the hub, without a slash."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """Its address, while it is served."""
    with HubServer(hub) as server:
        yield server.address


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        path = urlsplit(self.path).path
        self.hub.requests.append(Request(self.path, dict(self.headers)))
        self.hub.before(path)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", path):
            self._list(found[1])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._download(f"{found[1]}/{found[3]}", path)
        else:
            self.send_error(404)

    def do_CONNECT(self) -> None:
        self.hub.requests.append(Request(self.path, dict(self.headers)))
        self.send_error(403)

    def _list(self, repository: str) -> None:
        siblings = []
        for name, data in sorted(self.hub.files.items()):
            if not name.startswith(f"{repository}/"):
                continue
            path = name.removeprefix(f"{repository}/")
            size = self.hub.lengths.get(path, len(data))
            one: dict[str, Any] = {"rfilename": path, "size": size}
            digest = hashlib.sha256(data).hexdigest()
            if path in self.hub.large:
                digest = self.hub.announced.get(path, digest)
                one["lfs"] = {"sha256": digest, "size": size, "pointerSize": 130}
            else:
                head = b"blob %d\0" % len(data)
                one["blobId"] = hashlib.sha1(head + data, usedforsecurity=False).hexdigest()
            siblings.append(one)
        if not siblings:
            self.send_error(404)
            return
        tree = self.hub.listing({"sha": self.hub.commit, "siblings": siblings})
        body = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _download(self, name: str, path: str) -> None:
        hub = self.hub
        if hub.statuses:
            self.send_response(hub.statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if hub.send_on:
            self.send_response(302)
            self.send_header("Location", f"{hub.send_on}{path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name not in hub.files:
            self.send_error(404)
            return
        data = hub.served(name, hub.files[name])
        tag = f'{"W/" if hub.weak_tags else ""}"{hashlib.sha256(data).hexdigest()[:16]}"'
        begin = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fits = self.headers.get("If-Range", tag) == tag
        if asked and hub.ranges and fits:
            begin = int(asked[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if hub.tags:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        large = any(name.endswith(f"/{each}") for each in hub.large)
        self._send(data[begin:], hub.cuts.pop(0) if hub.cuts and large else None)

    def _send(self, body: bytes, cut: int | None) -> None:
        hub = self.hub
        cut = len(body) if cut is None else cut
        try:
            if hub.trickle_s:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(hub.trickle_s)
                return
            self.wfile.write(body[:cut])
            self.wfile.flush()
            if hub.stall_s and cut < len(body):
                time.sleep(hub.stall_s)
        except OSError:  # whoever asked has gone
            pass
