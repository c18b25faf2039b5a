"""The recogniser's own processes: one that loads the model, and one forked from it per call.

PocketSphinx holds the interpreter lock while it decodes, so it may not live in the worker. The first
process loads the decoder once and forks: calls share its pages, start in milliseconds, and what a
caller said dies with the process of his call. This file imports neither asyncio nor numpy.

Wire (little endian). To a call's process: kind u8, request u32, length u32, body. From it:
request u32, length u32, JSON body. To the first process, on its control socket: `F` with one
descriptor asks for a fork, `K` and a process id u32 asks for an end; `R` comes back once it is ready.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable

from models.narrow_line import JUDGE_BYTES, is_narrow
from models.offline import refuse_network

RATE_HZ = 16_000
BEGIN, FEED, HYPOTHESIS, SETTLE, DISCARD, EXPECT = range(1, 7)
REQUEST = struct.Struct("<BII")
REPLY = struct.Struct("<II")
FORK, KILL, READY = b"F", b"K", b"R"
MAX_BODY_BYTES = 4_000_000
ALTERNATIVES = 10
_MAX_HYPOTHESES = 60
"""Alternatives differ often only in fillers: this many are looked at for ten different ones."""
_MAX_UTTERANCE_BYTES = 60 * RATE_HZ * 2
"""Audio past a minute of one utterance is not heard: nobody answers a question that long."""
_PR_SET_PDEATHSIG = 1
_FIRST_LEVEL = "50,-2,10"
"""Cepstral mean of the first utterance: speech at the usual level. The library's own guess (40,3,-1)
costs five points of word errors until it has heard the caller for a while."""
_NARROW_LEVEL = "44.96,27.91,-25.52,52.38,-18.79,7.08,17.10,-27.08,17.99,-12.43,6.29,13.72,-9.39"
"""The same for a line that carries a telephone's band: mean of sixteen synthetic sentences through
8 kHz and mu-law. With the other level nine words of ten are wrong on such a line, with this one three."""


class Ear:
    """One decoder and the utterance it is hearing. No sockets: the evaluation tool uses it too."""

    def __init__(self, model_directory: str, language_model: str, dictionary: str) -> None:
        """Load the decoder; takes about a second."""
        from pocketsphinx import Config, Decoder

        config = Config(
            hmm=os.path.join(model_directory, "en-us"),
            lm=language_model,
            dict=dictionary,
            samprate=RATE_HZ,
            # a second pass over the words of the first would cost 50 ms at the end and, with the
            # mixed model, does not hear better (tools/recognition_table.py)
            fwdflat=False,
            cmninit=_FIRST_LEVEL,
            logfn=os.devnull,
            loglevel="FATAL",
        )
        self._decoder = Decoder(config)
        self._level = self._decoder.get_cmn()
        self._audio = bytearray()
        self._hearing = False
        self._settled = False
        """All of it was decoded to its end, and nothing was fed since."""
        self._judging = True
        """Nothing is known yet about the line's band."""
        self._heard_words = False
        """The utterance was settled, and words came of it."""
        self._begin_level = self._level

    def forget_caller(self) -> None:
        """Start over as for a new call: what was learned about voice and line is dropped."""
        self.discard()
        self._judging = True
        self._begin_level = self._level

    @property
    def level(self) -> str:
        """The cepstral mean that the utterance in hand starts from."""
        return self._begin_level

    def begin(self) -> None:
        """Start an utterance; an unfinished one is dropped, from a finished one the level is learned."""
        learned = self._decoder.get_cmn(True) if self._heard_words else self._begin_level
        self.discard()
        self._begin_level = learned

    def feed(self, pcm: bytes) -> None:
        """Hear more; after `settle` the utterance is taken up from its beginning."""
        room = _MAX_UTTERANCE_BYTES - len(self._audio)
        pcm = pcm[: max(0, room) & ~1]
        if not pcm:
            return
        self._audio += pcm
        self._settled = False
        if self._hearing:
            self._decoder.process_raw(pcm, False, False)
        elif not self._judging or len(self._audio) >= JUDGE_BYTES:
            self._start()

    def _start(self) -> None:
        """Decode what has been fed, at the level of this caller and line."""
        if self._judging:
            narrow = is_narrow(bytes(self._audio))
            self._judging = narrow is None
            if narrow:
                self._begin_level = _NARROW_LEVEL
        self._settled = self._heard_words = False
        self._decoder.set_cmn(self._begin_level)
        self._decoder.start_utt()
        self._hearing = True
        self._decoder.process_raw(bytes(self._audio), False, False)

    def hypothesis(self) -> dict[str, object]:
        """The words so far."""
        found = self._decoder.hyp() if self._hearing or self._settled else None
        return {"text": found.hypstr if found else ""}

    def settle(self) -> dict[str, object]:
        """The best words and other readings of the same sound."""
        if not self._audio:
            return {"text": ""}
        if not self._hearing and not self._settled:
            self._start()  # shorter than the judgement of the line takes
        if self._hearing:
            self._decoder.end_utt()
            self._hearing = False
            self._settled = True
        best = self._decoder.hyp()
        self._heard_words = best is not None and bool(best.hypstr)
        if best is None or not best.hypstr:
            return {"text": ""}
        readings = {best.hypstr: None}
        for index, other in enumerate(self._decoder.nbest()):
            if index >= _MAX_HYPOTHESES or len(readings) > ALTERNATIVES:
                break
            if other is not None and other.hypstr:  # a path may have no reading
                readings.setdefault(other.hypstr)
        return {
            "text": best.hypstr,
            "alternatives": [*readings][1 : ALTERNATIVES + 1],
            "confidence": min(1.0, max(0.0, best.prob)),
        }

    def discard(self) -> None:
        """Forget the utterance and what it taught about loudness."""
        if self._hearing:
            self._decoder.end_utt()
        self._hearing = self._settled = self._heard_words = False
        self._audio.clear()


def serve_call(ear: Ear, connection: socket.socket) -> None:
    """Answer one call until its side of the socket closes."""
    actions: dict[int, Callable[[bytes], dict[str, object] | None]] = {
        BEGIN: lambda _: ear.begin(),
        FEED: ear.feed,
        HYPOTHESIS: lambda _: ear.hypothesis(),
        SETTLE: lambda _: ear.settle(),
        DISCARD: lambda _: ear.discard(),
        EXPECT: lambda _: None,
    }
    _answer(connection, 0, {"pid": os.getpid()})
    with connection.makefile("rb") as incoming:
        while header := incoming.read(REQUEST.size):
            kind, request, length = REQUEST.unpack(header)
            if length > MAX_BODY_BYTES:
                return
            body = incoming.read(length) if length else b""
            if len(body) < length:
                return
            answer = actions[kind](body)
            if request:
                _answer(connection, request, answer or {})


def _answer(connection: socket.socket, request: int, answer: dict[str, object]) -> None:
    body = json.dumps(answer).encode()
    connection.sendall(REPLY.pack(request, len(body)) + body)


def _call_process(ear: Ear, connection: socket.socket, parent: int) -> None:
    """The body of a forked process; it never returns."""
    try:
        # the parent here is single-threaded, so its death is meant and not that of a thread
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if os.getppid() == parent:
            serve_call(ear, connection)
    except OSError:
        pass  # the call is gone
    finally:
        os._exit(0)


def serve_forks(ear: Ear, control: socket.socket) -> None:
    """Fork a process for each descriptor that arrives, until the worker closes the socket."""
    calls: set[int] = set()

    def reap(*_: object) -> None:
        for pid in tuple(calls):
            if os.waitpid(pid, os.WNOHANG)[0]:
                calls.discard(pid)

    signal.signal(signal.SIGCHLD, reap)
    me = os.getpid()
    gc.collect()
    gc.freeze()
    control.sendall(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 5, 1)
        if not message:
            break
        if message[:1] == FORK and descriptors:
            connection = socket.socket(fileno=descriptors[0])
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
            pid = os.fork()
            if pid == 0:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
                control.close()
                _call_process(ear, connection, me)
            calls.add(pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            connection.close()
        elif message[:1] == KILL and len(message) == 5:
            (pid,) = struct.unpack("<I", message[1:])
            if pid in calls:
                _kill(pid)
    for pid in tuple(calls):  # `reap` takes those that have gone out of the set meanwhile
        _kill(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # reaped since we looked


def main(arguments: list[str]) -> int:
    """`CONTROL_FD NICE MODEL_DIRECTORY LANGUAGE_MODEL DICTIONARY`."""
    refuse_network()  # and with it no dump of what callers say
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker; it closes the socket
    control = socket.socket(fileno=int(arguments[0]))
    os.nice(int(arguments[1]))
    try:
        ear = Ear(*arguments[2:5])
    except (RuntimeError, ValueError, OSError):
        return 1
    # one second of near-silence touches the memory that calls will then share
    ear.begin()
    ear.feed(bytes(2 * RATE_HZ))
    ear.settle()
    ear.forget_caller()
    serve_forks(ear, control)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
