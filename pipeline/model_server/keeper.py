"""The process between us and vLLM: `python -m pipeline.model_server.keeper LIFELINE WORD...`.

It starts one program, says how it ended, and leaves nothing of it behind: not when the program dies and its engine
goes on alone (measured with vLLM: engine and worker ignore SIGTERM then), not when we die. A byte on the lifeline asks
the program to finish; the lifeline's end kills everything. Single-threaded and without any library, so that it
cannot fail for a reason of its own. It refuses to know what the program is.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence

from pipeline.model_server.descendants import become_reaper, die_with_parent, kill_below, reap

FINISH = b"f"
LEFT = 70
"""Exit status when a process could not be killed (a driver holds it): the card is not free."""
CANNOT_START = 126

_LOOK_EVERY_S = 0.01
_LOOKS = 3_000
"""Half a minute and more: a driver may hold a process while it gives a card's memory back."""
_OURS_ALONE = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables of this environment that would lead a Python of another one astray."""


def main(arguments: Sequence[str]) -> int:
    """Run until the program has ended or the lifeline has; returns the program's exit status, 128 + N for signal N."""
    lifeline = socket.socket(fileno=int(arguments[0]))
    lifeline.set_inheritable(False)
    become_reaper()
    wake, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waking)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # only so that the number arrives at `wake`
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = _start(arguments[1:])
    status = _until_over(program, lifeline, wake)
    if not _end_all():
        return LEFT
    return 128 - status if status < 0 else status


def _start(words: Sequence[str]) -> int:
    keeper = os.getpid()
    program = os.fork()
    if program:
        return program
    try:
        os.setsid()
        die_with_parent()
        if os.getppid() != keeper:  # it died before the kernel was asked
            return CANNOT_START
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for name in _OURS_ALONE:
            os.unsetenv(name)
        os.execv(words[0], list(words))  # noqa: S606  # a shell would be one more thing to fail
    finally:
        os._exit(CANNOT_START)  # not reached when the program could be started


def _until_over(program: int, lifeline: socket.socket, wake: int) -> int:
    while True:
        ready, _, _ = select.select([lifeline.fileno(), wake], [], [])
        if lifeline.fileno() in ready:
            if not lifeline.recv(16):
                return -signal.SIGKILL
            os.kill(program, signal.SIGTERM)
        if wake in ready:
            if signal.SIGTERM in os.read(wake, 256):
                os.kill(program, signal.SIGTERM)
            ended, _ = reap()
            if program in ended:
                return ended[program]


def _end_all() -> bool:
    """Kill what is left until the kernel says that there is none; False when the patience is over."""
    for _ in range(_LOOKS):
        kill_below()
        _, left = reap()
        if not left:
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
