"""What the tests' tiny Whisper is taught."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from bench.script import shipped
from models.lexicon import words_of
from tools.tiny_whisper import sentences

ROOT = Path(__file__).parents[2]


def test_it_knows_every_line_of_the_booking_script() -> None:
    lines = {" ".join(words_of(line)) for line in shipped("booking").lines()}
    assert lines == {" ".join(words_of(line)) for line in sentences.BOOKING if line != "no"}


def test_jumbles_are_made_of_known_words_and_the_same_for_the_same_seed() -> None:
    first, again = (sentences.jumbles(50, random.Random(4)) for _ in range(2))
    assert first == again
    assert {word for one in first for word in one.split()} <= set(sentences.words())
    assert len(set(first) - set(sentences.ALL)) >= 45, "most are no sentence it knows"


def test_the_script_explains_itself_without_torch() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tools.make_tiny_whisper", "--help"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "--seed" in told
    assert "--steps" in told
