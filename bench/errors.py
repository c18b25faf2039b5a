"""What can go wrong for a caller or a measurement.

BenchError                  the message is one plain sentence for a terminal
├── ServerUnreachable       nothing answers at the address
├── CallRejected            the server answered and said no: status, code and its own sentence
├── MediaUnreachable        the offer was accepted and no media path came up
├── CallLost                the call ended without a goodbye: server dead, connection gone
├── NothingHeard            the server stayed silent for too long
├── SoundUnreadable         a recording cannot be read, or holds no speech
├── VoiceUnavailable        no speech synthesiser on this machine
├── ScriptInvalid           a script file is wrong
├── ScenarioInvalid         a scenario file is wrong
├── ServerNotStarted        a server that the bench should start did not become ready
├── LabelledSetInvalid      a file of the labelled set cannot be read
├── RedactorUnusable        a redactor that is to be scored does not start, or stops answering
├── ResultInvalid           a result file is damaged, foreign or of another format
├── BudgetInvalid           the gate's budget is damaged
├── ProfilerUnusable        no profiler on this machine, or it may not look
├── ReportUnwritable        a report cannot be written where it should be
├── BrowserMissing          no browser on this machine, or nothing to steer it with
└── PictureImpossible       a picture of a page cannot be drawn
"""

from __future__ import annotations


class BenchError(Exception):
    """The root of what a caller or a measurement can report."""


class ServerUnreachable(BenchError):
    """Nothing answers at the address."""


class CallRejected(BenchError):
    """The server answered and refused."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep what the server said."""
        super().__init__(f"the server refused ({status} {code}): {message}")
        self.status = status
        self.code = code


class MediaUnreachable(BenchError):
    """Signalling works, audio does not."""


class CallLost(BenchError):
    """The call ended without a goodbye."""


class NothingHeard(BenchError):
    """The server stayed silent for too long."""


class SoundUnreadable(BenchError):
    """A recording cannot be used."""


class VoiceUnavailable(BenchError):
    """No speech synthesiser is installed."""


class ScriptInvalid(BenchError):
    """A script file is wrong; the message names the key."""


class ScenarioInvalid(BenchError):
    """A scenario file is wrong; the message names every key."""


class ServerNotStarted(BenchError):
    """A server that the bench started did not become ready, or ended."""


class LabelledSetInvalid(BenchError):
    """A file of the labelled set is missing or damaged; the message names the line, never its content."""


class RedactorUnusable(BenchError):
    """A redactor does not start, or stops answering."""


class ResultInvalid(BenchError):
    """A result file cannot be understood; the message names places in it, never their content."""


class BudgetInvalid(BenchError):
    """The gate's budget cannot be understood; the message names every key that is wrong."""


class BrowserMissing(BenchError):
    """There is no browser, or no package to steer it with."""


class PictureImpossible(BenchError):
    """A page cannot be drawn."""


class ProfilerUnusable(BenchError):
    """There is no profiler, or it may not look into a worker."""


class ReportUnwritable(BenchError):
    """There is no such folder, or no room in it."""
