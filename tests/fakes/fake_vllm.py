#!/usr/bin/env python3
"""Stands for `vllm serve`: a front that answers HTTP, an engine below it and a worker below that.

As measured with the real one, engine and worker ignore SIGTERM and live on when the front is killed. Everything it
prints, it prints with words of a "conversation" in it. How it fails is written in the file `mode` in the model's
folder, one word for each start; past the last one it works. Standard library only: it runs outside our environment.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

WORDS = "my name is Maria Planted and my number is 555 0142"
METRICS = """# HELP vllm:num_requests_running Number of requests.
vllm:num_requests_running{engine="0",model_name="Maria"} 1.0
vllm:num_requests_waiting{engine="0"} 2.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:prompt_tokens_total{engine="0"} 1000.0
vllm:generation_tokens_total{engine="0"} 200.0
vllm:prefix_cache_queries_total{engine="0"} 1000.0
vllm:prefix_cache_hits_total{engine="0"} 750.0
vllm:request_success_total{finished_reason="Maria Planted"} 3.0
"""


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())
    os.write(2, f"ERROR {text}\n".encode())


def engine(folder: Path, mode: str) -> None:
    """The engine and its worker, in a session of their own as no group of the front's."""
    if os.fork():
        return
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork():
        note(folder, "engine")
    else:
        note(folder, "worker")
    if mode == "engine dies":
        time.sleep(0.2)
        os._exit(3)
    while True:
        signal.pause()


def note(folder: Path, what: str) -> None:
    with (folder / "pids").open("a") as file:
        file.write(f"{what} {os.getpid()}\n")


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    mode: str

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer(200, METRICS.encode())
        else:
            self.answer(
                503 if self.mode == "never well" or (self.folder / "unwell").exists() else 200, b""
            )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        say(f"{WORDS} {body}")
        good = self.headers["Authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}"
        (self.folder / "asked").write_text(json.dumps(body))
        self.answer(200 if good else 401, b'{"choices": []}')

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        say(WORDS)


def main() -> None:
    assert sys.argv[1] == "serve"
    folder = Path(sys.argv[2])
    port = int(sys.argv[sys.argv.index("--port") + 1])
    host = sys.argv[sys.argv.index("--host") + 1]
    note(folder, "front")
    (folder / "given").write_text(json.dumps({"words": sys.argv, "environment": dict(os.environ)}))
    starts = (folder / "pids").read_text().count("front")
    modes = (folder / "mode").read_text().splitlines() if (folder / "mode").exists() else []
    mode = modes[min(starts, len(modes)) - 1] if modes else ""
    say(WORDS)
    if mode == "no memory":
        say(f"torch.OutOfMemoryError: CUDA out of memory {WORDS}")
        sys.exit(1)
    if mode == "ends":
        sys.exit(3)
    engine(folder, mode)
    if mode == "loads long":
        time.sleep(60)
    Front.folder, Front.mode = folder, mode
    server = http.server.ThreadingHTTPServer((host, port), Front)
    server.daemon_threads = True

    def stop(*_: object) -> None:
        (folder / "asked to stop").touch()
        if mode == "will not stop":
            return
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()
    for line in (folder / "pids").read_text().splitlines():
        what, pid = line.split()
        if what != "front":
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
    (folder / "drained").touch()


if __name__ == "__main__":
    main()
