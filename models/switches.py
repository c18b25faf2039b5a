"""Switches that keep libraries from calling home: set in every process before a library is imported.

Set, they cost nothing; forgotten in one process, that process tells a stranger that the practice exists.
"""

from __future__ import annotations

SWITCHES = {
    # onnxruntime 1.31 for Linux otherwise reports to its maker's servers (measured: DNS queries ten seconds after
    # the start), and keeps a device id and a database in the home directory.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # no engine may reach for a model hub
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",  # the older name of the same
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "OTEL_SDK_DISABLED": "true",  # spans would carry prompts
}
"""Name and value."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy's helper threads wait for their next sum in a busy loop: measured, one core for as long as each Whisper decode lasts.
An operator who sets another number keeps it."""
