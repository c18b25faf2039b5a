"""Of the model server's metrics only listed numbers leave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.model_load import Load, read_load
from pipeline.model_server.load import since
from tests.fakes.fake_vllm import METRICS


def test_the_listed_numbers_are_read() -> None:
    assert read_load(METRICS) == Load(1, 2, 0.25, 1000, 200, 1000, 750, 0)


def test_engines_are_summed_and_the_fullest_cache_counts() -> None:
    two = METRICS + METRICS.replace('engine="0"', 'engine="1"').replace(" 0.25", " 0.75")
    load = read_load(two)
    assert load.running == 2
    assert load.cache_used == 0.75


def test_a_label_is_never_passed_on() -> None:
    event = since(Load(), read_load(METRICS)).record()
    assert "Maria" not in str(event)
    assert event["prefix_hit_percent"] == 75.0


def test_counts_are_what_happened_since_the_last_time_also_after_a_new_start() -> None:
    load = read_load(METRICS)
    assert since(load, load).record()["generated_tokens"] == 0
    assert "prefix_hit_percent" not in {
        key for key, value in since(load, load).record().items() if value is not None
    }
    assert since(Load(generated_tokens=9_000), load).record()["generated_tokens"] == 200


def test_odd_numbers_count_as_nothing() -> None:
    for odd in ("NaN", "+Inf", "-3", "1e400", "", "0x10", "1 2"):
        assert read_load(f"vllm:num_requests_running{{}} {odd}") == Load()


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading(text: str) -> None:
    read_load(text + "\nvllm:num_requests_running{" + text)
