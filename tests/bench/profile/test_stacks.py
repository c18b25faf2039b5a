"""Whose time a sample is told of, and the picture of all of them."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

from bench.profile.flame import WIDTH, flame_graph
from bench.profile.stacks import NOBODY, WAITING, read, room_of, shares, table

LOOP = "<module> (pipeline/worker.py:26);BaseEventLoop._run_once (asyncio/base_events.py:1922)"
SEND = f"{LOOP};AudioLeg.send_frame (pipeline/transports/webrtc_audio.py:151)"
TEXT = f"""
{SEND};OpusVoice.encode (pipeline/transports/opus.py:90);OpusEncoder.encode (pipeline/transports/opus.py:50) 20
{SEND};OpusVoice.encode (pipeline/transports/opus.py:90);OpusEncoder.encode (pipeline/transports/opus.py:52) 10
{SEND};OpusVoice.encode (pipeline/transports/opus.py:91) 10
{SEND};dumps (json/__init__.py:9) 20
{LOOP} 15
{LOOP};EpollSelector.select (selectors.py:464) 20
_bootstrap (threading.py:1002) 5
a line that is none
"""


@pytest.mark.parametrize(
    ("frame", "room"),
    [
        ("CallSession.on_audio (pipeline/call/session.py:311)", "pipeline/call"),
        ("run_worker (pipeline/app.py:9)", "pipeline/app"),
        ("redact (phi/redactor.py:9)", "phi"),
        ("Worker.run (pipecat/pipeline/worker.py:9)", "pipecat"),
        ("RtpPacket.parse (aiortc/rtp.py:700)", "aiortc"),
        ("OpusDecoder.decode (pipeline/transports/opus.py:80)", "coding (Opus)"),
        ("Session.__process (pylibsrtp/__init__.py:270)", "encryption"),
        (
            "_SelectorDatagramTransport._read_ready (asyncio/selector_events.py:1155)",
            "asyncio, selector, sockets",
        ),
        ("EpollSelector.select (selectors.py:464)", WAITING),
        ("as_strided (numpy/lib/_stride_tricks_impl.py:119)", "numpy"),
        ("loads (json/__init__.py:299)", None),
        ("no place at all", None),
    ],
)
def test_a_frame_has_a_room_or_works_for_its_caller(frame: str, room: str | None) -> None:
    assert room_of(frame) == room


def test_a_sample_is_told_of_the_innermost_frame_that_has_a_room() -> None:
    found = {each.room: each for each in shares(read(TEXT))}
    assert {room: each.share for room, each in found.items()} == {
        "coding (Opus)": 0.4,
        "pipeline/transports": 0.2,
        "asyncio, selector, sockets": 0.15,
        WAITING: 0.2,
        NOBODY: 0.05,
    }
    assert found["pipeline/transports"].most == "AudioLeg.send_frame (pipeline/transports/webrtc_audio.py)"  # fmt: skip
    assert found["coding (Opus)"].most == "OpusEncoder.encode (pipeline/transports/opus.py)"


def test_the_table_has_a_column_for_each_run_and_sums_up_what_is_small() -> None:
    few, many = read(TEXT), read(TEXT) + Counter({("f (soxr/x.py:1)",): 900})
    lines = table([("1 call", few), ("25 calls", many)], least=0.16).splitlines()
    assert lines[0].split("most")[0].split() == ["share", "of", "the", "time", "1", "call", "25", "calls"]  # fmt: skip
    assert lines[1].split()[:3] == ["soxr", "0.0%", "90.0%"]
    assert lines[2].split()[:4] == ["coding", "(Opus)", "40.0%", "4.0%"]
    assert lines[-2].split() == ["all", "else", "20.0%", "2.0%"]
    assert lines[-1].split() == ["samples", "100", "1000"]


def test_a_flame_graph_is_as_wide_as_the_time_and_asks_nobody_for_anything() -> None:
    picture = flame_graph("<ours> & 25 calls", read(TEXT))
    root = ElementTree.fromstring(picture)  # noqa: S314  # our own
    space = "{http://www.w3.org/2000/svg}"
    widths = {
        shape.find(f"{space}title").text.partition(":")[0]: float(shape.attrib["width"])  # type: ignore[union-attr]  # each has one
        for shape in root.iter(f"{space}rect")
    }
    assert widths["all"] == WIDTH
    assert widths["BaseEventLoop._run_once (asyncio/base_events.py)"] == pytest.approx(0.95 * WIDTH)
    inner = widths["OpusEncoder.encode (pipeline/transports/opus.py)"]
    assert inner == pytest.approx(0.3 * WIDTH), "two lines of a function are one"
    assert "script" not in picture
    assert picture.count("http") == 1, "its own name space and nothing else"
    assert root.find(f"{space}title").text == "<ours> & 25 calls"  # type: ignore[union-attr]  # it has one


def test_no_sample_is_an_empty_picture_and_an_empty_table() -> None:
    assert "<rect" not in flame_graph("nothing", read(""))
    assert table([("1 call", read(""))]).splitlines()[-1].split() == ["samples", "0"]
