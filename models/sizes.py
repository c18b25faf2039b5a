"""How much memory a model needs, from its shape: weights, conversations in progress, room to compute. A calculation.

It opens no file and asks no card. What cannot be derived from a shape (a driver's own use, a library's workspace) is
an allowance with a name, and stays one until a card was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

GIB = 1 << 30
MIB = 1 << 20

WHISPER_POSITIONS = 1_500
"""Half of the 3,000 frames of its 30 s window, which is always filled up."""
WHISPER_TOKENS_MAX = 448

CONTEXT_BYTES = 600 * MIB
"""Allowance for each process on a card: the driver's context and the libraries' kernels."""
LLM_WORKSPACE_BYTES = 2 * GIB
"""Allowance for vLLM beside weights and cache: activations of a full batch and recorded graphs."""
WHISPER_WORKSPACE_BYTES = 400 * MIB
"""Allowance for CTranslate2 beside weights and one window's activations: its allocator keeps what it once had."""
HEADROOM = 0.05
"""Of a card that stays free: fragments, and the driver's own growth."""


@dataclass(frozen=True, slots=True)
class LlmShape:
    """A decoder-only transformer with grouped heads and gated layers, dense or of experts."""

    name: str
    layers: int
    hidden: int
    heads: int
    cache_heads: int
    """Heads of keys and values; several heads of queries share one."""
    head: int
    """Width of a head."""
    inner: int
    """Width inside a layer's (or an expert's) gated part."""
    vocabulary: int
    tied: bool = False
    """Whether the last matrix is the first one again."""
    experts: int = 1
    experts_used: int = 1

    @property
    def layer_parameters(self) -> int:
        """Of one layer, its normalisations aside: thousands beside millions."""
        queries, cached = self.heads * self.head, self.cache_heads * self.head
        attention = self.hidden * (2 * queries + 2 * cached)
        router = self.hidden * self.experts if self.experts > 1 else 0
        return attention + router + self.experts * 3 * self.hidden * self.inner

    @property
    def parameters(self) -> int:
        """Of the whole model."""
        words = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return self.layers * self.layer_parameters + words

    def weights_bytes(self, bytes_each: float = 2) -> int:
        """2 for BF16, 1 for FP8."""
        return ceil(self.parameters * bytes_each)

    def cache_bytes(self, tokens: int, bytes_each: float = 2) -> int:
        """Keys and values of so many tokens."""
        return ceil(2 * self.layers * self.cache_heads * self.head * bytes_each * tokens)


@dataclass(frozen=True, slots=True)
class WhisperShape:
    """An encoder over 30 s of sound and a decoder over words."""

    name: str
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    mels: int = 128

    @property
    def parameters(self) -> int:
        """Of the whole model; its word table is its last matrix too."""
        wide = self.width * self.width
        encoder = self.encoder_layers * 12 * wide
        decoder = self.decoder_layers * 16 * wide  # attends to itself and to the sound
        ears = 3 * self.width * (self.mels + self.width)
        words = (self.vocabulary + WHISPER_TOKENS_MAX) * self.width
        return encoder + decoder + ears + words + WHISPER_POSITIONS * self.width

    def weights_bytes(self, bytes_each: float = 2) -> int:
        """2 for float16, 1 for int8."""
        return ceil(self.parameters * bytes_each)

    def window_bytes(self, bytes_each: float = 2) -> int:
        """What one decoding holds: the largest layer's activations, and the decoder's keys and values."""
        attention = self.heads * WHISPER_POSITIONS**2
        layer = WHISPER_POSITIONS * 8 * self.width
        kept = 2 * self.decoder_layers * (WHISPER_POSITIONS + WHISPER_TOKENS_MAX) * self.width
        return ceil((attention + layer + kept) * bytes_each)


LLMS = (
    LlmShape("4B", 36, 2_560, 32, 8, 128, 9_728, 151_936, tied=True),
    LlmShape("8B", 36, 4_096, 32, 8, 128, 12_288, 151_936),
    LlmShape("14B", 40, 5_120, 40, 8, 128, 17_408, 151_936),
    LlmShape("30B-A3B", 48, 2_048, 32, 4, 128, 768, 151_936, experts=128, experts_used=8),
)
"""Shapes of the Qwen3 family, as its models' config.json say; others of the same size differ by some per cent."""

WHISPERS = (
    WhisperShape("large-v3-turbo", 1_280, 20, 32, 4, 51_866),
    WhisperShape("distil-large-v3", 1_280, 20, 32, 2, 51_866),
    WhisperShape("small", 768, 12, 12, 12, 51_865, mels=80),
)


@dataclass(frozen=True, slots=True)
class CardPlan:
    """Who has how much of a card."""

    llm_bytes: int
    """vLLM: weights, conversations, workspace."""
    whisper_bytes: int
    sequences: int
    context_tokens: int

    @property
    def needed_bytes(self) -> int:
        """The smallest card it fits on, headroom included."""
        both = self.llm_bytes + self.whisper_bytes + 2 * CONTEXT_BYTES
        return ceil(both / (1 - HEADROOM))

    def memory_percent(self, card_bytes: int) -> int:
        """What `llm_server.memory_percent` must be on this card: vLLM counts its own context into its share."""
        return ceil((self.llm_bytes + CONTEXT_BYTES) * 100 / card_bytes)


def plan(
    llm: LlmShape,
    whisper: WhisperShape | None,
    *,
    calls: int,
    context_tokens: int = 4_096,
    bytes_each: float = 2,
) -> CardPlan:
    """A card for so many calls at once, each with a conversation of `context_tokens`.

    The voice takes none: Piper runs on the processor.
    """
    ear = 0
    if whisper is not None:
        ear = whisper.weights_bytes() + whisper.window_bytes() + WHISPER_WORKSPACE_BYTES
    return CardPlan(
        llm.weights_bytes(bytes_each)
        + llm.cache_bytes(context_tokens * calls)
        + LLM_WORKSPACE_BYTES,
        ear,
        calls,
        context_tokens,
    )


def calls_on(
    card_bytes: int,
    llm: LlmShape,
    whisper: WhisperShape | None,
    *,
    context_tokens: int = 4_096,
    bytes_each: float = 2,
) -> int:
    """How many whole conversations fit; 0: the model itself does not."""
    without = plan(llm, whisper, calls=0, context_tokens=context_tokens, bytes_each=bytes_each)
    left = card_bytes * (1 - HEADROOM) - without.needed_bytes * (1 - HEADROOM)
    return max(0, int(left // llm.cache_bytes(context_tokens)))


def llm_shape(config: Mapping[str, object]) -> LlmShape | None:
    """The shape that a model's config.json describes; None when it describes another kind."""

    def number(*names: str) -> int:
        found = next((config[name] for name in names if config.get(name) is not None), 0)
        return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0

    layers, hidden = number("num_hidden_layers"), number("hidden_size")
    heads, vocabulary = number("num_attention_heads"), number("vocab_size")
    experts = number("num_experts", "num_local_experts", "n_routed_experts") or 1
    inner = number("moe_intermediate_size", "intermediate_size") if experts > 1 else 0
    inner = inner or number("intermediate_size")
    if not (layers and hidden and heads and vocabulary and inner):
        return None
    return LlmShape(
        "",
        layers,
        hidden,
        heads,
        number("num_key_value_heads") or heads,
        number("head_dim") or hidden // heads,
        inner,
        vocabulary,
        tied=config.get("tie_word_embeddings") is True,
        experts=experts,
        experts_used=number("num_experts_per_tok") or 1,
    )
