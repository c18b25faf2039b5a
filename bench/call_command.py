"""`wardline call`: a telephone for the terminal. Plays a script, given lines or a recording, prints what happens."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bench.audio import Samples, read_sound
from bench.caller import Caller, Shown
from bench.conversation import (
    NO_INTERRUPTIONS,
    SPEECH_LIMIT_MS,
    Interruptions,
    Verdict,
    play,
    speak_lines,
)
from bench.errors import BenchError, NothingHeard
from bench.record import CallRecord, TurnRecord
from bench.recordings import RecordedVoice
from bench.script import Script, shipped
from bench.voices import Voice, choose
from pipeline.cli import Command

DEFAULT_URL = "http://127.0.0.1:8080"
CUTS_PER_CALL = 3
"""A patient caller interrupts this often, not every time."""
KEYS = frozenset("0123456789*#")


class Printer:
    """Shows a call line by line: who, what, and each turn's times once they are known."""

    def __init__(self, out: TextIO) -> None:
        """`out` is the terminal, or stderr when stdout carries JSON."""
        self._out = out
        self._open: TurnRecord | None = None

    def line(self, shown: Shown) -> None:
        """One line as it happens; partial captions are left out."""
        if shown.turn is not self._open:
            self.times()
            self._open = shown.turn
        if not shown.final:
            return
        match shown.who:
            case "said":
                text = shown.text if shown.turn.how != "silence" else "(silence)"
                self._row("you say" if shown.turn.how == "speech" else shown.turn.how, text)
            case "caller":
                self._row("heard as", shown.text)
            case "agent":
                self._row("agent", shown.text)
            case _:
                self._row("urgent", shown.text)

    def times(self) -> None:
        """The wire times of the turn that has just closed."""
        turn, self._open = self._open, None
        if turn is None or turn.wire is None:
            return
        wire = turn.wire
        parts = []
        if wire.reply_ms is not None:
            parts.append(f"reply after {wire.reply_ms:.0f} ms")
        if wire.stop_ms is not None:
            parts.append(f"silent {wire.stop_ms:.0f} ms after being interrupted")
        if wire.kept_talking:
            parts.append("interrupted, and it kept talking")
        if wire.talked_over:
            parts.append("spoke before you had finished")
        self._row("", ", ".join(parts) or "no reply")

    def summary(self, record: CallRecord) -> None:
        """The table at the end."""
        self.times()
        print(f"\n{'turn':>4} {'wire ms':>8} {'barge-in ms':>12}  said", file=self._out)
        for number, turn in enumerate(record.turns):
            print(
                f"{number:>4} {_ms(turn.wire_ms):>8} {_ms(turn.barge_in_ms):>12}"
                f"  {turn.said or turn.how}",
                file=self._out,
            )
        shown = ", ".join(f"{name}: {value}" for name, value in record.request.items())
        confirmed = "confirmed" if record.request_complete else "not confirmed"
        print(f"request ({confirmed}): {shown or 'nothing'}", file=self._out)
        print(f"ended: {record.ended or 'no goodbye'}", file=self._out)
        if record.skipped_frames:
            print(
                f"note: this machine was too busy to speak in time ({record.skipped_frames} frames"
                " skipped): do not trust the times",
                file=self._out,
            )

    def note(self, text: str) -> None:
        """Something the reader should know."""
        print(f"note: {text}", file=self._out)

    def _row(self, who: str, text: str) -> None:
        print(f"{who:>9}  {text}", file=self._out, flush=True)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--url", default=DEFAULT_URL, help="address of the page (default %(default)s)"
    )
    parser.add_argument("--ca", metavar="FILE", help="certificate authority of the server")
    parser.add_argument("--script", metavar="NAME", help="play a shipped script (default: booking)")
    parser.add_argument("--say", metavar="TEXT", action="append", help="say this; may be repeated")
    parser.add_argument(
        "--wav", metavar="FILE", action="append", help="play a sound file; may be repeated"
    )
    parser.add_argument("--voice", help="a voice of flite: slt, rms, awb, kal16, kal")
    parser.add_argument(
        "--barge-in-after-ms",
        type=_positive,
        metavar="MS",
        help="cut in so long after a reply begins: three times in a script, else with each later"
        " --say or --wav; a single one is said again",
    )
    parser.add_argument("--keys", default="", metavar="DIGITS", help="answer the number by keypad")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument(
        "--timeout-s", type=_positive, default=240.0, help="longest call (default %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the call."""
    if arguments.script and (arguments.say or arguments.wav):
        print("wardline call: choose either --script or --say/--wav", file=sys.stderr)
        return 2
    if not KEYS.issuperset(arguments.keys):
        print("wardline call: --keys takes digits, * and # only", file=sys.stderr)
        return 2
    if arguments.barge_in_after_ms is not None and arguments.keys and not _speaks(arguments):
        print(
            "wardline call: keys alone do not cut in: add --say, --wav or --script to"
            " --barge-in-after-ms",
            file=sys.stderr,
        )
        return 2
    printer = Printer(sys.stderr if arguments.json else sys.stdout)
    record = CallRecord()
    try:
        part = _part(arguments)
        verdict = asyncio.run(_call(arguments, part, printer, record))
    except BenchError as error:
        verdict = Verdict(False, str(error))
    if record.turns:
        printer.summary(record)
    if arguments.json:
        print(json.dumps({**record.as_json(), "met": verdict.met, "why": verdict.why}, indent=2))
    if not verdict.met:
        print(f"wardline call: {verdict.why}", file=sys.stderr)
    return 0 if verdict.met else 1


def _speaks(arguments: argparse.Namespace) -> bool:
    return bool(arguments.say or arguments.wav or arguments.script)


@dataclass(frozen=True, slots=True)
class _Part:
    """What the caller will do: a script, or lines, spoken with a voice."""

    script: Script | None
    voice: Voice
    recordings: tuple[tuple[str, Samples], ...]


def _part(arguments: argparse.Namespace) -> _Part:
    """Read scripts and files before the loop runs: they block, and a fault should cost no call."""
    own_lines = bool(arguments.say or arguments.wav or (arguments.keys and not arguments.script))
    script = None if own_lines else shipped(arguments.script or "booking")
    voice = choose(arguments.voice)
    if script is not None and not arguments.voice:
        voice = RecordedVoice(script.name, voice)
    recordings = tuple((name, read_sound(Path(name))) for name in arguments.wav or [])
    return _Part(script, voice, recordings)


async def _call(
    arguments: argparse.Namespace, part: _Part, printer: Printer, record: CallRecord
) -> Verdict:
    lines = [(text, await part.voice.speak(text)) for text in arguments.say or []]
    lines += part.recordings
    call = Caller(arguments.url, ca_file=arguments.ca, on_line=printer.line, record=record)
    try:
        async with asyncio.timeout(arguments.timeout_s), call:
            if part.script is not None:
                verdict = await _play(call, part.script, part.voice, arguments)
            else:
                await speak_lines(call, lines, arguments.barge_in_after_ms)
                if arguments.keys and not call.has_ended():
                    await call.press(arguments.keys)
                    await call.reply_over(SPEECH_LIMIT_MS)
                verdict = Verdict(True, "")
    except TimeoutError:
        raise NothingHeard(f"the call took longer than {arguments.timeout_s:.0f} s") from None
    if part.voice.warning and (lines or part.script) and not arguments.wav:
        printer.note(part.voice.warning)
    return verdict


async def _play(
    call: Caller, script: Script, voice: Voice, arguments: argparse.Namespace
) -> Verdict:
    cuts = NO_INTERRUPTIONS
    if arguments.barge_in_after_ms is not None:
        cuts = Interruptions(CUTS_PER_CALL, (arguments.barge_in_after_ms,) * 2)
    return await play(
        call, script, voice, draw=random.Random(0), interruptions=cuts, keys=arguments.keys
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError("must be between 0 and 1000000")
    return value


command = Command(
    name="call",
    help="call the server and talk: a script, given lines or a recording",
    configure=configure,
    run=run,
)
