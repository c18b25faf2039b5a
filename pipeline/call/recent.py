"""How much of a conversation a model is shown: the rules, and of the rest the newest turns that fit.

A calculation. What no longer fits goes from the front, whole turns and many at once: between two such steps a prompt
begins with the same bytes as the one before it, which is all that a server remembers. Knows no tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from models.ports import ChatMessage

HISTORY_BYTES_MAX = 8_000
"""With the rules, the note, a tool and the answer that is 4,096 tokens at three bytes each: what `wardline doctor` asks
of a model. Words of a call have four and more; whoever sends denser ones is refused by the server, and the script speaks."""
STEP_BYTES = 3_000
"""So much goes at once: several minutes of a call."""
MESSAGE_BYTES = 24
"""What a chat template writes around a message."""


def left_out(messages: Sequence[ChatMessage]) -> range:
    """The places of the messages that a model is not shown: they follow the rules and end before a turn."""
    spoken = [at for at, message in enumerate(messages) if message.role != "system"]
    turns = [at for at in spoken if messages[at].role == "user"]
    if not turns:
        return range(0)
    first, behind = spoken[0], spoken[-1] + 1
    sizes = [0, *accumulate(_size(message) for message in messages[first:behind])]
    over = sizes[-1] - HISTORY_BYTES_MAX
    if over <= 0:
        return range(first, first)
    goes = -(-over // STEP_BYTES) * STEP_BYTES
    return range(first, next((at for at in turns if sizes[at - first] >= goes), turns[-1]))


def _size(message: ChatMessage) -> int:
    calls = sum(len(call.name) + len(call.arguments_json) for call in message.tool_calls)
    return MESSAGE_BYTES + calls + len(message.content.encode("utf-8", "replace"))
