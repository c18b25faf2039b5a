"""Which programs a process may start, and which C functions it may not borrow. A calculation: it starts nothing.

A start is asked about twice: as the libraries announce it (`subprocess.Popen`), and as the one function under them
all gets it (`fork_exec`), which other libraries call without any announcement.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

C_NAMES = frozenset(
    {
        # speaking, and asking for names
        *("connect", "send", "sendto", "sendmsg", "sendmmsg", "socket", "syscall", "clnt_create"),
        *("getaddrinfo", "getaddrinfo_a", "getnameinfo", "gethostbyname", "gethostbyname2"),
        *("gethostbyaddr", "getnetbyname", "getnetbyaddr", "rcmd", "rcmd_af", "rexec", "rexec_af"),
        *("res_query", "res_search", "res_querydomain", "res_mkquery", "res_send"),
        *("res_nquery", "res_nsearch", "res_nquerydomain", "res_nsend"),
        *("clnttcp_create", "clntudp_create", "clntudp_bufcreate", "callrpc"),
        # starting programs, which have no guard
        *("system", "popen", "wordexp", "execve", "execv", "execvp", "execvpe", "execveat"),
        *("execl", "execle", "execlp", "fexecve", "posix_spawn", "posix_spawnp"),
        # reaching all of the above by another name, and taking the guard away
        *("dlsym", "dlvsym", "dlfunc", "PySys_ClearAuditHooks"),
    }
)
"""C functions that `ctypes` may not reach for: with them Python code would speak past the guard."""

_VARIANT = re.compile(r"(_r|_chk|_nocancel|_time64|64)\Z")


def is_lent(name: object) -> bool:
    """Whether `ctypes` may reach for this function; the C library has each by several names."""
    text = os.fsdecode(name) if isinstance(name, str | bytes) else str(name)
    plain = text.lstrip("_").removeprefix("IO_").removeprefix("libc_")
    return plain not in C_NAMES and _VARIANT.sub("", plain) not in C_NAMES


@dataclass(frozen=True, slots=True)
class Program:
    """One foreign program that may be started: with these words, this environment and where we stand, no other.

    It has no guard of its own. Whoever lists it answers for what it does; the kernel's rules hold it all the same.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)

    def is_(self, given: Sequence[Any]) -> bool:
        """Whether a start (program, words, folder, environment) is this one to the letter."""
        program, words, folder, environment = given
        return (
            folder is None
            and environment is not None
            and program is not None
            and os.fsdecode(program) == self.words[0]
            and _texts(words) == self.words
            and dict(environment) == dict(self.environment)
        )

    def is_fork(
        self, words: Iterable[Any], files: Iterable[Any], folder: object, given: Any
    ) -> bool:
        """The same of `fork_exec`: every file that it tries in turn, and the environment as lines."""
        name = self.words[0]
        folders = [""] if "/" in name else os.get_exec_path(self.environment)
        return (
            folder is None
            and given is not None
            and _texts(words) == self.words
            and _texts(files) == tuple(os.path.join(each, name) for each in folders)
            and sorted(_texts(given)) == sorted(f"{k}={v}" for k, v in self.environment.items())
        )


def is_ours(
    program: object, words: Iterable[Any], modules: Collection[str], codes: Collection[str]
) -> bool:
    """Whether this start is Python with one of these modules or with this code."""
    if not isinstance(program, str | bytes | os.PathLike):
        return False
    given = _texts(words)
    if os.fsdecode(program) != sys.executable:
        return False
    for index, word in enumerate(given[1:-1], start=1):
        if word == "-m":
            return given[index + 1] in modules
        if word == "-c":
            return given[index + 1] in codes
    return False


def _texts(words: Iterable[Any]) -> tuple[str, ...]:
    return tuple(os.fsdecode(each) for each in words)
