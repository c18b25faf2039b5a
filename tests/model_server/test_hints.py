"""Causes are recognised in the model server's output, and nothing else of it stays."""

from __future__ import annotations

import pytest

from pipeline.model_server.hints import ADVICE, UNKNOWN, UNKNOWN_ADVICE, Hints, advice


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "memory"),
        (b"ValueError: No available memory for the cache blocks.", "memory"),
        (b"RuntimeError: Failed to infer device type", "device"),
        (b"vllm serve: error: unrecognized arguments: --speed", "option"),
        (b"OSError: [Errno 98] Address already in use", "port"),
        (b"Model architectures ['Odd'] are not supported for now.", "model"),
        (b"ModuleNotFoundError: No module named 'x'", "package"),
        (b"my name is Maria", UNKNOWN),
    ],
)
def test_a_phrase_becomes_a_token(text: bytes, token: str) -> None:
    hints = Hints()
    hints.feed(b"INFO something\n" + text + b"\n")
    assert hints.likeliest() == token


def test_a_phrase_is_found_across_two_pieces_of_output() -> None:
    hints = Hints()
    for byte in b"x" * 100 + b"CUDA out of memory" + b"y" * 100:
        hints.feed(bytes([byte]))
    assert hints.likeliest() == "memory"


def test_a_cause_goes_before_a_package_that_was_only_tried() -> None:
    hints = Hints()
    hints.feed(b"ModuleNotFoundError: optional\nlater: CUDA out of memory")
    assert hints.likeliest() == "memory"


def test_hardly_anything_of_the_output_is_kept() -> None:
    hints = Hints()
    hints.feed(b"my name is Maria " * 1000)
    assert len(hints._tail) < 60


def test_every_token_has_advice() -> None:
    assert all(advice(token) == said for token, said in ADVICE.items())
    assert advice(UNKNOWN) == UNKNOWN_ADVICE
