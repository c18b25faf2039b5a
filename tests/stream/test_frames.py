"""Whole texts are cut out of a connection as the library cuts them; all else is left to it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

from pipeline.stream.frames import Frames, text_frame

BYTES_MAX = 70_000


def written(opcode: Opcode, data: bytes, *, masked: bool, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=masked)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("masked", [True, False])
def test_texts_come_out_whole_however_the_bytes_are_cut(masked: bool) -> None:
    draw = random.Random(f"cuts {masked}")
    texts = [draw.randbytes(size) for size in (0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000)]
    for _ in range(40):
        some = draw.choices(texts[:6], k=8) + draw.choices(texts, k=1)
        stream = b"".join(written(Opcode.TEXT, text, masked=masked) for text in some)
        frames = Frames(masked=masked, bytes_max=BYTES_MAX)
        cuts = [draw.randrange(len(stream)) for _ in range(draw.randrange(30))]
        found = [each for piece in pieces(stream, cuts) for each in frames.feed(piece)]
        beyond = next((n for n, text in enumerate(some) if len(text) > 65_535), len(some))
        assert found[:beyond] == [(True, text) for text in some[:beyond]]
        assert not any(is_text for is_text, _ in found[beyond:])


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG, Opcode.CLOSE])
def test_a_control_frame_between_texts_is_left_as_it_came(opcode: Opcode, masked: bool) -> None:
    control = written(opcode, b"", masked=masked)
    before, behind = (written(Opcode.TEXT, text, masked=masked) for text in (b"a", b"b"))
    frames = Frames(masked=masked, bytes_max=BYTES_MAX)
    found = [each for byte in before + control + behind for each in frames.feed(bytes([byte]))]
    assert found == [(True, b"a"), (False, control), (True, b"b")]


@pytest.mark.parametrize("masked", [True, False])
def test_what_is_unusual_and_all_behind_it_is_left_as_it_came(masked: bool) -> None:
    text = written(Opcode.TEXT, b"a", masked=masked)
    for unusual in (
        written(Opcode.BINARY, b"a", masked=masked),
        written(Opcode.TEXT, b"a", masked=masked, fin=False),
        written(Opcode.TEXT, b"a", masked=not masked),
        written(Opcode.TEXT, bytes(BYTES_MAX + 1), masked=masked),
    ):
        frames = Frames(masked=masked, bytes_max=BYTES_MAX)
        assert list(frames.feed(text + unusual + text)) == [(True, b"a"), (False, unusual + text)]
        assert list(frames.feed(text)) == [(False, text)]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_that_is_written_is_read_by_the_library(size: int, masked: bool) -> None:
    reader = Protocol(SERVER if masked else CLIENT)
    reader.receive_data(text_frame(b"x" * size, masked=masked))
    (frame,) = reader.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.data, frame.fin) == (Opcode.TEXT, b"x" * size, True)


def test_a_mask_is_another_one_each_time() -> None:
    assert len({text_frame(b"same", masked=True) for _ in range(50)}) == 50
