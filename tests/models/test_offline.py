"""A process without business on a network gets none: neither Python, nor C code, nor a child."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.wire

TRIES = """
import ctypes, errno, json, os, socket, subprocess, sys
from models.offline import refuse_network
before = ctypes.CDLL(None).socket(2, 1, 0) >= 0
kernel = refuse_network()
libc = ctypes.CDLL(None, use_errno=True)
def tried(act):
    try:
        act()
    except PermissionError:
        return "refused"
    return "done"
def c_socket(family, kind):
    if libc.socket(family, kind, 0) < 0:
        raise OSError(ctypes.get_errno(), "")
child = "import socket,sys\\ntry: socket.socket()\\nexcept PermissionError: sys.exit(7)"
ours, theirs = socket.socketpair()
ours.sendall(b"x")
local = socket.socket(socket.AF_UNIX)
with open("/proc/self/status") as status:
    seccomp = [line.split()[1] for line in status if line.startswith("Seccomp:")]
print(json.dumps({
    "before": before, "kernel": kernel, "seccomp": seccomp,
    "out": [
        tried(lambda: socket.socket()),
        tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
        tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        tried(lambda: socket.getaddrinfo("huggingface.co", 443)),
        tried(lambda: c_socket(2, 1)),
        tried(lambda: c_socket(10, 2)),
    ],
    "local": tried(lambda: c_socket(1, 1)),
    "heard": theirs.recv(1).decode(),
    "child": subprocess.run([sys.executable, "-I", "-S", "-c", child]).returncode,
    "io_uring": libc.syscall(425, 1, None),
    "dumpable": libc.prctl(3, 0, 0, 0, 0),
}))
"""


def test_neither_python_nor_c_nor_a_child_gets_a_socket_to_a_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRIES],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    found = json.loads(done.stdout)
    assert found["before"], "the test proves nothing where no socket could be had before"
    assert found["kernel"], "this kernel has no seccomp filter"
    assert found["seccomp"] == ["2"]
    assert found["out"] == ["refused"] * 6
    assert (found["local"], found["heard"]) == ("done", "x")
    assert found["child"] == 7
    assert found["io_uring"] == -1
    assert found["dumpable"] == 0
