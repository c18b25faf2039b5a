"""Target B4 with a Piper voice at the rate of the line: cut anywhere, the record holds what was played, as it was written."""

from __future__ import annotations

import random

import pytest

from models.ports import Language
from pipeline.call.ledger import Ledger, Message, SpokenWord
from pipeline.call.speak import _ClauseAudio
from tests.models.voices import RATE_HZ, speaking

CLAUSES: tuple[tuple[Language, str], ...] = (
    ("en", "Your visit is on March 3rd, 2026 at 3:30 pm with Dr. Nguyen."),
    ("en", "Please call us at 555-0100 — or (555) 555-0123 — for 20 mg of lisinopril."),
    ("en", "One of the things on the list is at the end of the week."),
    ("es", "Su cita es el 1 de marzo a las 3:30 p. m. con la Dra. Gómez."),
    ("es", "Tome 20 mg, 21 pastillas, y llame al 555-0123."),
)


@pytest.mark.wire
@pytest.mark.parametrize("line_hz", [8_000, 48_000])
async def test_target_b4_a_cut_keeps_the_words_that_were_played_as_they_were_written(
    line_hz: int,
) -> None:
    chance = random.Random(line_hz)
    cuts = 0
    async with speaking() as voice:
        for language, text in CLAUSES:
            clause = _ClauseAudio(text, RATE_HZ, line_hz)
            placed: list[SpokenWord] = []
            sent = 0
            frames = [
                clause.take(chunk, "reply", 0) async for chunk in voice.synthesize(text, language)
            ]
            for frame in (*frames, clause.finish("reply")):
                if frame is None:
                    continue
                placed += [
                    SpokenWord(word.text, word.start_sample + sent, word.end_sample + sent)
                    for word in frame.words
                ]
                sent += len(frame.audio) // 2
            assert [word.text for word in placed] == text.split()
            assert placed[0].start_sample == 0
            assert placed[-1].end_sample <= sent + 1
            for _ in range(50):
                cut = chance.randrange(1, sent)
                messages: list[Message] = []
                Ledger(messages).open().close(placed, [(0, cut)], interrupted=True)
                kept = str(messages[0]["content"]).split() if messages else []
                begun = [word for word in placed if word.start_sample < cut]
                whole = [word for word in placed if word.end_sample <= cut]
                assert kept == text.split()[: len(kept)]
                assert len(whole) <= len(kept) <= len(begun) <= len(kept) + 1
                cuts += 1
    assert cuts >= 200
