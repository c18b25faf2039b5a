"""Memory from shapes: against published sizes, and what must hold whatever the shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sizes import (
    CALL_TOKENS,
    CONTEXT_BYTES,
    CONTEXT_TOKENS,
    GIB,
    LLMS,
    WHISPERS,
    LlmShape,
    WhisperShape,
    calls_on,
    held_tokens,
    llm_shape,
    plan,
)

TURBO = WHISPERS[0]


@pytest.mark.parametrize(
    ("shape", "millions"),
    list(zip([*LLMS, *WHISPERS], [4_020, 8_190, 14_770, 30_530, 809, 756, 244], strict=True)),
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_shape_has_as_many_parameters_as_its_model_is_published_with(
    shape: LlmShape | WhisperShape, millions: int
) -> None:
    assert shape.parameters / 1e6 == pytest.approx(millions, rel=0.015)


def test_a_cache_is_keys_and_values_of_every_layer() -> None:
    eight = LLMS[1]
    assert eight.cache_bytes(1) == 2 * 36 * 8 * 128 * 2
    assert eight.cache_bytes(4_096, 1) == eight.cache_bytes(4_096) // 2


@given(
    st.sampled_from(LLMS),
    st.integers(min_value=1, max_value=200),
    st.sampled_from([1_024, 4_096, 32_768]),
    st.sampled_from([1.0, 2.0]),
)
def test_calls_that_fit_fit_and_one_more_does_not(
    llm: LlmShape, card_gib: int, context_tokens: int, bytes_each: float
) -> None:
    card = card_gib * GIB
    calls = calls_on(card, llm, TURBO, context_tokens=context_tokens, bytes_each=bytes_each)
    more = plan(llm, TURBO, calls=calls + 1, context_tokens=context_tokens, bytes_each=bytes_each)
    assert more.needed_bytes > card - 2
    if calls:
        fit = plan(llm, TURBO, calls=calls, context_tokens=context_tokens, bytes_each=bytes_each)
        assert fit.needed_bytes <= card + 2  # rounded up once
        share = fit.memory_percent(card)
        assert fit.llm_bytes <= share * card / 100
        assert fit.llm_bytes > llm.weights_bytes(bytes_each) + CONTEXT_BYTES
        left = card * (100 - share) / 100
        assert share <= 96
        assert left > 0


def test_calls_take_what_they_use_and_never_less_than_one_whole_context_is_kept() -> None:
    assert held_tokens(0) == held_tokens(2) == CONTEXT_TOKENS
    assert held_tokens(17) - held_tokens(16) == CALL_TOKENS
    assert held_tokens(16) < 16 * CONTEXT_TOKENS
    assert held_tokens(16, 65_536) == 65_536


def test_a_shape_is_read_from_a_models_own_description() -> None:
    described = {
        "num_hidden_layers": 36,
        "hidden_size": 2_560,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 9_728,
        "vocab_size": 151_936,
        "tie_word_embeddings": True,
    }
    found = llm_shape(described)
    assert found is not None
    assert found.parameters == LLMS[0].parameters
    of_experts = llm_shape(
        described | {"num_experts": 128, "moe_intermediate_size": 768, "num_experts_per_tok": 8}
    )
    assert of_experts is not None
    assert (of_experts.experts, of_experts.inner, of_experts.experts_used) == (128, 768, 8)


@given(
    st.dictionaries(
        st.sampled_from(["num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers())),
    )
)
def test_a_description_of_something_else_is_no_shape(described: dict[str, object]) -> None:
    assert llm_shape(described) is None  # the inner width is missing
    found = llm_shape(described | {"intermediate_size": 8})
    assert found is None or found.parameters > 0
