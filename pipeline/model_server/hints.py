"""What most likely went wrong in vLLM: known phrases in its output become tokens of ours, nothing else of it stays.

A calculation over bytes. The phrases are looked for and forgotten; what else was written is never kept, counted
elsewhere and thrown away.
"""

from __future__ import annotations

ADVICE = {
    "memory": (
        "the model does not fit into the memory it may use; lower llm_server.context_tokens or llm_server.sequences,"
        " raise llm_server.memory_percent, or choose a smaller model"
    ),
    "device": (
        'it found no GPU it can use; look at nvidia-smi, or try llm_server.device = "cpu" with a CPU build'
    ),
    "option": (
        "it does not know an option; install the release that docs/model-server.md names, and look at"
        " llm_server.options and llm_server.tool_parser"
    ),
    "model": (
        "the folder in llm_server.model_directory is not a whole model that this release can load;"
        " `wardline bundle verify` finds what is missing or altered"
    ),
    "port": "another program took its port; stop it or change llm_server.port and engines.llm_url",
    "package": "its environment lacks a package or holds one that does not fit; make it again",
}
"""Token and what to do."""

UNKNOWN = "unknown"
PACKAGE = "package"
UNKNOWN_ADVICE = (
    "what it wrote is thrown away, since it may quote a conversation; without callers, run the command that"
    " `wardline models flags` prints and read what it says"
)

_PHRASES = {
    b"out of memory": "memory",
    b"OutOfMemoryError": "memory",
    b"No available memory for the cache blocks": "memory",
    b"less than desired GPU memory utilization": "memory",
    b"KV cache is needed, which is larger than": "memory",
    b"Failed to infer device type": "device",
    b"No CUDA GPUs are available": "device",
    b"CUDA driver version is insufficient": "device",
    b"unrecognized arguments": "option",
    b"invalid choice": "option",
    b"invalid tool call parser": "option",
    b"expected one argument": "option",
    b"are not supported for now": "model",
    b"Error no file named": "model",
    b"Can't load the configuration of": "model",
    b"Can't load tokenizer for": "model",
    b"Invalid repository ID or local directory": "model",
    b"SafetensorError": "model",
    b"Cannot find any model weights": "model",
    b"ddress already in use": "port",
    b"ModuleNotFoundError": "package",
    b"PackageNotFoundError": "package",
    b"cannot open shared object file": "package",
}
_LONGEST = max(len(phrase) for phrase in _PHRASES)


class Hints:
    """Feed what arrives, in any pieces; ask what was found."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._tail = b""
        self._found: dict[str, int] = {}

    def feed(self, data: bytes) -> None:
        """Look for phrases; only as many bytes stay as a phrase across two pieces needs."""
        text = self._tail + data
        for phrase, token in _PHRASES.items():
            if token not in self._found and phrase in text:
                self._found[token] = len(self._found)
        self._tail = text[-(_LONGEST - 1) :]

    def likeliest(self) -> str:
        """The first that was seen of those that are causes; a missing package is often only what another one tried."""
        causes = [found for found in self._found if found != PACKAGE]
        return next(iter((*causes, *self._found)), UNKNOWN)


def advice(token: str) -> str:
    """What to do, as the end of a sentence."""
    return ADVICE.get(token, UNKNOWN_ADVICE)
