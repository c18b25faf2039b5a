"""For a process that has no business on any network: the kernel gives it no socket but a local one.

A seccomp filter binds C code and every child as well, needs no rights, and cannot be taken off again. Where the
kernel has none, Python's own audit hook is what is left. It knows nothing of what the process does.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import sys
from typing import Any

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
"""Offsets in the kernel's `struct seccomp_data` (little endian)."""

_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""AUDIT_ARCH of <linux/audit.h> and the number of socket(2)."""
_IO_URING_SETUP = 425
"""The same on every machine; a ring makes sockets without socket(2)."""
_FOREIGN_NUMBERS = 0x40000000
"""x32 calls come under the same architecture with this bit."""

_REFUSED = {
    *("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"),
    *("socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def refuse_network() -> bool:
    """From now on nothing in this process or below reaches a network; True when the kernel sees to it.

    No memory of it is dumped either: it holds what callers say.
    """
    sys.addaudithook(_hook)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    written = _instructions(*machine)
    instructions = (_Instruction * len(written))(*(_Instruction(*each) for each in written))
    program = _Program(len(written), instructions)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _instructions(architecture: int, socket_number: int) -> list[tuple[int, int, int, int]]:
    """Jumps count the instructions between; the last two are the two answers."""
    return [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 0, 7, architecture),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 5, 0, _FOREIGN_NUMBERS),
        (_EQUAL, 4, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 2, socket_number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_EQUAL, 0, 1, socket.AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EACCES),
    ]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED and getattr(arguments[0], "family", None) != socket.AF_UNIX:
        raise PermissionError(errno.EACCES, "this process has no network")
