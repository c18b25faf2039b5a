"""Sharing a stretch of audio among the words spoken in it, when no engine says where each begins."""

from __future__ import annotations

from collections.abc import Sequence

from models.ports import WordTiming


def share(words: Sequence[str], start_sample: int, end_sample: int) -> list[WordTiming]:
    """Each word gets time by its letters; one without letters gets none."""
    letters = [sum(letter.isalnum() for letter in word) for word in words]
    total, done, timings = max(1, sum(letters)), 0, []
    length = end_sample - start_sample
    for word, count in zip(words, letters, strict=True):
        first = start_sample + length * done // total
        done += count
        timings.append(WordTiming(word, first, start_sample + length * done // total))
    return timings
