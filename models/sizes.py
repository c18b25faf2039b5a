"""How much memory a model needs, from its shape: weights, conversations in progress, room to compute. A calculation.

It opens no file and asks no card. What cannot be derived from a shape (a driver's own use, a library's workspace) is
an allowance with a name, and stays one until a card was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

GB = 10**9
"""As cards are sold: one of 24 GB shows 22.5 to 24 GiB, by its kind."""
GIB = 1 << 30
MIB = 1 << 20

CALL_TOKENS = 3_000
"""Of one call, beside what all share: what is sent of its conversation is bounded, and its answer is short."""
PREFIX_TOKENS = 1_000
"""The beginning that every call shares and vLLM keeps once: rules (about 500), the practice's own, forms and tools."""
CONTEXT_TOKENS = 8_192
"""Longest conversation that vLLM is told to take (`llm_server.context_tokens` unless it is set)."""

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
    """vLLM: weights, conversations, workspace, the driver's context."""
    whisper_bytes: int
    """The recogniser: the same but for conversations."""

    @property
    def needed_bytes(self) -> int:
        """The smallest card it fits on, headroom included."""
        return ceil((self.llm_bytes + self.whisper_bytes) / (1 - HEADROOM))

    def memory_percent(self, card_bytes: int) -> int:
        """What `llm_server.memory_percent` must be on this card: vLLM counts its own context into its share."""
        return ceil(self.llm_bytes * 100 / card_bytes)


def held_tokens(calls: int, context_tokens: int = CONTEXT_TOKENS) -> int:
    """Tokens whose keys and values must fit at once: vLLM hands memory out in pages, so a call has what it uses.

    Never less than one whole context: without room for that vLLM refuses to start.
    """
    return max(context_tokens, PREFIX_TOKENS + calls * CALL_TOKENS)


def vllm_bytes(weights_bytes: int, llm: LlmShape, tokens: int) -> int:
    """What vLLM takes of a card with so many tokens of conversations."""
    return weights_bytes + llm.cache_bytes(tokens) + LLM_WORKSPACE_BYTES + CONTEXT_BYTES


def whisper_bytes(weights_bytes: int, whisper: WhisperShape) -> int:
    """What a worker's recogniser takes of a card."""
    return weights_bytes + whisper.window_bytes() + WHISPER_WORKSPACE_BYTES + CONTEXT_BYTES


def plan(
    llm: LlmShape,
    whisper: WhisperShape | None,
    *,
    calls: int,
    context_tokens: int = CONTEXT_TOKENS,
    bytes_each: float = 2,
) -> CardPlan:
    """A card for so many calls at once. The voice takes none: Piper runs on the processor."""
    tokens = held_tokens(calls, context_tokens)
    return CardPlan(
        vllm_bytes(llm.weights_bytes(bytes_each), llm, tokens),
        whisper_bytes(whisper.weights_bytes(), whisper) if whisper is not None else 0,
    )


def calls_on(
    card_bytes: int,
    llm: LlmShape,
    whisper: WhisperShape | None,
    *,
    context_tokens: int = CONTEXT_TOKENS,
    bytes_each: float = 2,
) -> int:
    """How many calls fit; 0: the model itself does not, or leaves no room for one whole context."""
    least = plan(llm, whisper, calls=0, context_tokens=context_tokens, bytes_each=bytes_each)
    left = card_bytes * (1 - HEADROOM) - least.llm_bytes - least.whisper_bytes
    tokens = held_tokens(0, context_tokens) + int(left // llm.cache_bytes(1))
    return max(0, (tokens - PREFIX_TOKENS) // CALL_TOKENS) if left >= 0 else 0


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
