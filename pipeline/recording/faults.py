"""What can go wrong with recordings, as a code for the log and a sentence for the operator.

StartUpError
└── RecordingFault        no such recording, no key for it, a folder that cannot be used
    └── RecordingBroken   the file is not what was written; `reason` and the number of the chunk
"""

from __future__ import annotations

from pipeline.errors import StartUpError


class RecordingFault(StartUpError):
    """A recording cannot be used."""

    code = "recording_fault"


class RecordingBroken(RecordingFault):
    """Changed, cut or never one of ours."""

    code = "recording_broken"

    def __init__(self, reason: str, chunk: int) -> None:
        """`reason` is "cut", "changed" or "no_recording"."""
        said = {
            "cut": "ends too early: the machine stopped while it was written, or somebody cut it",
            "changed": "is not what was written: a part was changed, moved or taken from elsewhere",
            "no_recording": "is no recording of this program",
        }[reason]
        super().__init__(f"the recording {said} (at chunk {chunk})")
        self.reason = reason
        self.chunk = chunk
