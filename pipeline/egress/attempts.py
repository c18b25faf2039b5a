"""The ways out that the egress test tries, each as a library, a script or an intruder would.

Numbers are documentation addresses (RFC 5737, RFC 3849): nothing is behind them, and a packet that leaves is
seen all the same. Names are real, since a name is given away by asking for it. A way returns when its packet
was taken, and raises when not; `egress.trial` judges.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import importlib
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.util import spawnv_passfds
from typing import Any

from pipeline.egress.guard import EgressRefused

V4, V6 = "198.51.100.7", "2001:db8::7"
HUB = "huggingface.co"
STATISTICS = "mobile.events.data.microsoft.com"
"""Where onnxruntime reports to."""
MULTICAST = "224.0.0.251"
WAIT_S = 1.0
"""A handshake that nobody answers: by then the packet is long gone."""

_QUERY = struct.pack("!6H", 0x5157, 0x0100, 1, 0, 0, 0) + b"\x07example\x03com\x00\x00\x01\x00\x01"
_STUN = struct.pack("!HHI", 1, 0, 0x2112A442) + b"wardline-try"
_CHILD = (
    "import socket,sys;s=socket.socket();s.settimeout(1);sys.exit(s.connect_ex((sys.argv[1],443)))"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way out."""

    name: str
    way: Callable[[], None]
    named: bool = False
    """It asks for a name or starts a program: not part of the kernel's test."""
    local: bool = False
    """It asks a program on this machine over a socket: no packet of ours, so tried only where there is a guard."""


def _udp(port: int, data: bytes, host: str = V4, family: int = socket.AF_INET) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.sendto(data, (host, port))


def _udp_connected() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect((V4, 4444))
        end.send(b"x")


def _udp_message() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendmsg([b"x"], [], 0, (V4, 514))


def _tcp(port: int, host: str = V4, family: int = socket.AF_INET) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(WAIT_S)
        end.connect((host, port))


def _local(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(WAIT_S)
        end.connect(path)


def _fast_open() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
        end.settimeout(WAIT_S)
        try:
            end.sendto(b"x", socket.MSG_FASTOPEN, (V4, 443))
        except BlockingIOError:
            _until_connected(end)


def _until_connected(end: socket.socket) -> None:
    """Wait for the end of a handshake that is on its way; raises what became of it."""
    poll = select.poll()
    poll.register(end, select.POLLOUT)
    if not poll.poll(WAIT_S * 1000):
        raise TimeoutError
    if number := end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(number, os.strerror(number))


def _icmp() -> None:
    echo = struct.pack("!BBHHH", 8, 0, 0xF7FE, 1, 0)
    try:
        _ping(socket.SOCK_DGRAM, echo)
    except PermissionError as error:
        if isinstance(error, EgressRefused):
            raise
        _ping(socket.SOCK_RAW, echo)  # this user may not make the other kind


def _ping(kind: int, echo: bytes) -> None:
    with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as end:
        end.sendto(echo, (V4, 0))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _libc_connect() -> None:
    _connect_by(_libc()["connect"])


def _libc_other_name() -> None:
    _connect_by(_libc()["__connect"])


def _libc_by_address() -> None:
    """The C library itself is asked where the function is."""
    find = _libc()["dlsym"]
    find.restype, find.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)
    _connect_by(ctypes.CFUNCTYPE(ctypes.c_int, use_errno=True)(find(None, b"connect")))


def _cffi_connect() -> None:
    """As a module does that declares C functions in Python: without ctypes and its audit events."""
    cffi = _cffi()
    number, text = cffi.new_primitive_type("int"), cffi.new_primitive_type("char")
    kind = cffi.new_function_type((number, cffi.new_pointer_type(text), number), number)
    call = cffi.load_library(None).load_function(kind, "connect")
    _raw(socket.SOCK_STREAM, lambda end, where: call(end, where, len(where)), cffi.get_errno)


def _cffi_declared_sendto() -> None:
    """The same with declarations that cffi wrote down beforehand."""
    cffi = _cffi()
    declared = cffi.FFI("declared", _version=0x2601, _types=_SENDTO_TYPES, _globals=_SENDTO)
    call = declared.dlopen(None).sendto
    _raw(
        socket.SOCK_DGRAM,
        lambda end, where: call(end, b"x", 1, 0, where, len(where)),
        cffi.get_errno,
    )


_SENDTO_TYPES = (
    b"\x00\x00\x01\x0d\x00\x00\x07\x01\x00\x00\x08\x03\x00\x00\x07\x01\x00\x00\x07\x01\x00\x00\x02\x11"
    b"\x00\x00\x07\x01\x00\x00\x00\x0f\x00\x00\x02\x01"
)
_SENDTO = (b"\x00\x00\x00\x23sendto", 0)
"""`int sendto(int, const char *, int, int, const char *, int);` as cffi writes it to a file of Python."""


def _cffi() -> Any:
    """It comes with `cryptography`."""
    return importlib.import_module("_cffi_backend")


def _libc_sendto() -> None:
    call = _libc()["sendto"]
    _raw(socket.SOCK_DGRAM, lambda end, where: call(end, b"x", 1, 0, where, len(where)))


def _connect_by(call: Callable[..., int]) -> None:
    _raw(socket.SOCK_STREAM, lambda end, where: call(end, where, len(where)))


def _raw(
    kind: int, call: Callable[[int, bytes], int], errno_of: Callable[[], int] = ctypes.get_errno
) -> None:
    """As C code in a library does: no Python socket is involved in the call."""
    with socket.socket(socket.AF_INET, kind) as end:
        end.settimeout(WAIT_S)
        where = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(443), socket.inet_aton(V4))
        done = call(end.fileno(), where)
        if done < 0:
            number = errno_of()
            if number == errno.EINPROGRESS:
                _until_connected(end)
                return
            raise OSError(number, os.strerror(number))


def _resolve() -> None:
    socket.getaddrinfo(HUB, 443)


def _connect_to_name() -> None:
    """Python looks the name up inside `connect`, past its own audit events."""
    with socket.socket() as end:
        end.settimeout(WAIT_S)
        end.connect((HUB, 443))


def _resolve_old() -> None:
    socket.gethostbyname(STATISTICS)


def _reverse() -> None:
    socket.gethostbyaddr(V4)


def _fetch(url: str, proxies: dict[str, str] | None = None) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies or {}))
    with opener.open(url, timeout=WAIT_S):
        pass


def _web_socket() -> None:
    asyncio.run(_stream())


async def _stream() -> None:
    async with asyncio.timeout(WAIT_S):
        _, writer = await asyncio.open_connection(V4, 443)
        writer.write(b"GET /socket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        writer.close()


def _datagrams() -> None:
    asyncio.run(_endpoint())


class _Sent(asyncio.DatagramProtocol):
    """asyncio tells a refused datagram here and nowhere else."""

    error: Exception | None = None

    def error_received(self, exc: Exception) -> None:
        self.error = exc


async def _endpoint() -> None:
    loop = asyncio.get_running_loop()
    transport, sent = await loop.create_datagram_endpoint(_Sent, remote_addr=(V4, 3478))
    transport.sendto(_STUN)
    transport.close()
    if sent.error is not None:
        raise sent.error


_PYTHON = (sys.executable, "-I", "-S", "-c", _CHILD, V4)


def _python_child() -> None:
    _child(list(_PYTHON))


def _multiprocessing_child() -> None:
    """What `multiprocessing` starts its processes with: no audit event tells of it."""
    _ended(spawnv_passfds(os.fsencode(sys.executable), list(_PYTHON), ()))


def _libc_child() -> None:
    spawn = _libc()["posix_spawn"]
    pid = ctypes.c_int()
    words = (ctypes.c_char_p * (len(_PYTHON) + 1))(*(each.encode() for each in _PYTHON), None)
    number = spawn(ctypes.byref(pid), words[0], None, None, words, (ctypes.c_char_p * 1)(None))
    if number:
        raise OSError(number, os.strerror(number))
    _ended(pid.value)


def _ended(pid: int) -> None:
    _judge_python(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _other_child() -> None:
    for command in (
        ["curl", "-sS", "--max-time", "1", f"http://{V4}/"],
        ["bash", "-c", f"exec 3<>/dev/tcp/{V4}/80"],
    ):
        if program := shutil.which(command[0]):
            _child([program, *command[1:]])
            return
    _child(["/usr/bin/getent", "hosts", HUB])


def _child(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603  # our own commands; none gets input
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S + 1, check=False
    )
    if done.returncode == 0:
        return
    if command[0] == sys.executable:
        _judge_python(done.returncode)
    if done.returncode == 28:  # curl's own for "nobody answered"
        raise TimeoutError
    raise ConnectionRefusedError(
        errno.ECONNREFUSED, "it could not connect"
    )  # why is judged beside the others


def _judge_python(status: int) -> None:
    """Raise what the child of our own met; its exit status is the error's number."""
    if status in {errno.EAGAIN, errno.EINPROGRESS}:
        raise TimeoutError
    if 0 < status < 128:
        raise OSError(status, os.strerror(status))


ATTEMPTS: tuple[Attempt, ...] = (
    Attempt("dns over udp", lambda: _udp(53, _QUERY)),
    Attempt("dns over tcp", lambda: _tcp(53)),
    Attempt("tcp 80", lambda: _tcp(80)),
    Attempt("tcp 443", lambda: _tcp(443)),
    Attempt("tcp fast open", _fast_open),
    Attempt("udp to a high port", _udp_connected),
    Attempt("udp message (syslog)", _udp_message),
    Attempt("ipv6 tcp", lambda: _tcp(443, V6, socket.AF_INET6)),
    Attempt("ipv6 udp", lambda: _udp(443, b"x", V6, socket.AF_INET6)),
    Attempt("icmp echo", _icmp),
    Attempt("multicast dns", lambda: _udp(5353, _QUERY, MULTICAST)),
    Attempt("stun", _datagrams),
    Attempt("ntp", lambda: _udp(123, b"\x1b" + bytes(47))),
    Attempt("smtp", lambda: _tcp(25)),
    Attempt("websocket", _web_socket),
    Attempt("c library connect", _libc_connect),
    Attempt("c library sendto", _libc_sendto),
    Attempt("c library connect by another name", _libc_other_name),
    Attempt("c library connect by its address", _libc_by_address),
    Attempt("c library connect through cffi", _cffi_connect),
    Attempt("c library sendto declared for cffi", _cffi_declared_sendto),
    Attempt("name look-up", _resolve, named=True),
    Attempt("connect to a name", _connect_to_name, named=True),
    Attempt("old name look-up (usage statistics)", _resolve_old, named=True),
    Attempt("reverse look-up", _reverse, named=True),
    Attempt("model hub", lambda: _fetch(f"https://{HUB}/api/models?limit=1"), named=True),
    Attempt(
        "usage statistics", lambda: _fetch(f"https://{STATISTICS}/OneCollector/1.0/"), named=True
    ),
    Attempt("http proxy", lambda: _fetch("http://192.0.2.1/", {"http": f"http://{V4}:3128"})),
    Attempt("https proxy", lambda: _fetch("https://192.0.2.1/", {"https": f"http://{V4}:3128"})),
    Attempt(
        "the resolver's local socket",
        lambda: _local("/run/systemd/resolve/io.systemd.Resolve"),
        local=True,
    ),
    Attempt("the system bus", lambda: _local("/run/dbus/system_bus_socket"), local=True),
    Attempt("the container engine", lambda: _local("/var/run/docker.sock"), local=True),
    Attempt("python child", _python_child, named=True),
    Attempt("multiprocessing child", _multiprocessing_child, named=True),
    Attempt("c library child", _libc_child, named=True),
    Attempt("child program", _other_child, named=True),
)
