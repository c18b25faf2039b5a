from __future__ import annotations

import random

import pytest

from pipeline.media.keypad import (
    KEYS,
    REMEMBERED,
    SAME_PRESS_MS,
    STREAMS,
    EventReceiver,
    KeyMerger,
    Way,
)

Packet = tuple[int, bool, bytes]
"""Timestamp, marker, payload."""


def press(key: str, begin: int, span_ms: int = 100) -> list[Packet]:
    """A press as telephones send it: an update each 20 ms and the end three times."""
    total = span_ms * 8
    steps = list(range(160, total + 1, 160))
    made = [(begin, step == 160, payload(key, step, end=step == total)) for step in steps]
    return made + [(begin, False, payload(key, total, end=True))] * 2


def payload(key: str, duration: int, *, end: bool = False) -> bytes:
    return bytes([KEYS.index(key), 0x8A if end else 0x0A]) + duration.to_bytes(2, "big")


def dialled(number: str, pause_ms: int = 60) -> list[list[Packet]]:
    return [press(key, 1_000 + n * (100 + pause_ms) * 8) for n, key in enumerate(number)]


def heard(packets: list[Packet], receiver: EventReceiver | None = None) -> str:
    events = receiver or EventReceiver()
    found = [
        events.add(ssrc=1, timestamp=timestamp & 0xFFFFFFFF, marker=marker, payload=data)
        for timestamp, marker, data in packets
    ]
    return "".join(each.key or "" for each in found if each)


def flat(presses: list[list[Packet]]) -> list[Packet]:
    return [packet for each in presses for packet in each]


def test_every_key_is_heard_once_at_its_first_packet() -> None:
    assert heard(flat(dialled(KEYS))) == KEYS
    assert heard(press("5", 0)[:1]) == "5"


@pytest.mark.parametrize("seed", range(40))
def test_lost_repeated_and_reordered_packets_give_each_key_once(seed: int) -> None:
    chance = random.Random(seed)
    number = "".join(chance.choices("0123456789*#", k=12)) + "11" + "00"
    packets: list[Packet] = []
    for each in dialled(number):
        kept = [packet for packet in each if chance.random() > 0.4] or [each[-1]]
        packets += [packet for packet in kept for _ in range(chance.choice((1, 1, 1, 2, 3)))]
    for n in range(0, len(packets) - 1, 3):
        packets[n], packets[n + 1] = packets[n + 1], packets[n]
    found = heard(packets)
    assert sorted(found) == sorted(number)
    assert found == number or sum(a != b for a, b in zip(found, number, strict=True)) <= 4


@pytest.mark.parametrize("only", [0, 2, 4, 6])
def test_one_packet_of_a_press_is_enough(only: int) -> None:
    assert heard([each[only] for each in dialled("0415550133")]) == "0415550133"


def test_the_same_key_again_is_another_press() -> None:
    assert heard(flat(dialled("0000"))) == "0000"
    assert heard([each[-1] for each in dialled("0000", pause_ms=60)]) == "0000"


def test_a_press_of_half_a_minute_is_one_press() -> None:
    packets: list[Packet] = []
    begin = 7_000
    for _ in range(
        4
    ):  # RFC 4733 section 2.5.1.3: a segment lasts 65535 ticks, then a new timestamp
        steps = (*range(160, 65_535, 160), 65_535)
        packets += [(begin, begin == 7_000 and step == 160, payload("9", step)) for step in steps]
        begin += 65_535
    packets += [(begin, False, payload("9", 800, end=True))] * 3
    assert heard(packets) == "9"


def test_a_sender_that_moves_the_timestamp_on_presses_once() -> None:
    packets = [(1_000 + n * 160, n == 0, payload("3", 160 * (n + 1))) for n in range(8)]
    ends = [(1_000 + n * 160, False, payload("3", 160 * 9, end=True)) for n in (8, 9, 10)]
    assert heard([*packets, *ends]) == "3"


def test_the_clock_may_wrap_between_and_within_presses() -> None:
    receiver = EventReceiver()
    begin = (1 << 32) - 400
    assert (
        heard(press("1", begin) + press("2", begin + 1_600) + press("1", begin + 3_200), receiver)
        == "121"
    )


def test_a_stream_that_begins_again_is_heard() -> None:
    receiver = EventReceiver()
    assert heard(press("1", 3_000_000_000), receiver) == "1"
    assert heard(press("1", 5_000), receiver) == "1"
    assert receiver.add(ssrc=2, timestamp=5_000, marker=True, payload=payload("1", 160)) is not None


def test_a_late_packet_of_the_stream_before_is_no_press() -> None:
    receiver = EventReceiver()

    def add(ssrc: int, key: str, timestamp: int, duration: int) -> str:
        end = duration == 800
        data = payload(key, duration, end=end)
        found = receiver.add(ssrc=ssrc, timestamp=timestamp, marker=not end, payload=data)
        return (found and found.key) or ""

    said = add(0xA, "5", 5_000, 160) + add(0xB, "6", 90_000, 160)
    said += add(0xA, "5", 5_000, 800) + add(0xB, "6", 90_000, 800)
    assert said == "56"
    for ssrc in range(0xC, 0x40):
        said += add(ssrc, "1", 5_000, 160)
    assert said == "56" + "1" * 52
    assert len(receiver._streams) == STREAMS, "a flood of streams is not remembered"


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x0a\x00", b"\x10\x0a\x00\xa0", b"\xff" * 4])
def test_what_is_no_key_is_none(data: bytes) -> None:
    assert EventReceiver().add(ssrc=1, timestamp=1, marker=True, payload=data) is None


def test_flash_and_fax_events_are_no_keys() -> None:
    for code in range(16, 256):
        data = bytes([code, 0x0A, 0, 160])
        assert EventReceiver().add(ssrc=1, timestamp=1, marker=True, payload=data) is None


def merged(reports: list[tuple[float, str, Way]], tone_ms: float = 100.0) -> str:
    """The keys of these reports, each tone of which lasts so long."""
    merger, keys, now_ms = KeyMerger(), "", 0.0
    for at_ms, key, way in sorted(reports, key=lambda r: r[0]):
        now_ms = at_ms
        keys += merger.due(now_ms) + merger.take(key, way, now_ms)
        if way is Way.TONE:
            merger.sounds(tone_ms)
    return keys + merger.due(now_ms + SAME_PRESS_MS + 20.0)


@pytest.mark.parametrize("way", list(Way))
def test_each_way_alone_tells_every_press(way: Way) -> None:
    assert merged([(n * 160.0, key, way) for n, key in enumerate("00112233")]) == "00112233"


@pytest.mark.parametrize("late_ms", [-60.0, 0.0, 45.0, 180.0, 900.0])
@pytest.mark.parametrize(
    ("one", "other"), [(Way.EVENT, Way.INFO), (Way.EVENT, Way.TONE), (Way.TONE, Way.INFO)]
)
def test_two_ways_of_one_press_are_one_key(one: Way, other: Way, late_ms: float) -> None:
    number = "5550133"
    reports = [(1_000.0 + n * 300.0, key, one) for n, key in enumerate(number)]
    reports += [(at_ms + late_ms, key, other) for at_ms, key, _ in reports]
    assert merged(reports) == number


def test_three_ways_of_one_press_are_one_key() -> None:
    reports = [
        (1_000.0 + n * 250.0 + late, key, way)
        for n, key in enumerate("0001")
        for way, late in ((Way.EVENT, 0.0), (Way.TONE, 60.0), (Way.INFO, 140.0))
    ]
    assert merged(reports) == "0001"


def test_bits_of_a_tone_beside_events_are_no_presses() -> None:
    reports = [
        (0.0, "7", Way.EVENT),
        (50.0, "7", Way.TONE),
        (95.0, "7", Way.TONE),
        (2_500.0, "7", Way.TONE),
    ]
    assert merged(reports, tone_ms=75.0) == "7"


def told_and_not(number: str, told: str, *, tones_of_told: bool, lag_ms: float) -> str:
    """A number of which only some presses ("x") are told of, so late; each leaves its tone, or those that are not told."""
    reports: list[tuple[float, str, Way]] = []
    for n, (key, how) in enumerate(zip(number, told, strict=True)):
        at_ms = 1_000.0 + 300.0 * n
        if how == "x":
            reports.append((at_ms + lag_ms, key, Way.EVENT))
        if how != "x" or tones_of_told:
            reports.append((at_ms + 40.0, key, Way.TONE))
    return merged(reports)


@pytest.mark.parametrize("tones_of_told", [True, False])
@pytest.mark.parametrize("lag_ms", [0.0, 130.0])
@pytest.mark.parametrize(
    "told",
    ["xxxxxxx", "xxxx...", "....xxx", "x......", "......x", "x.x.x.x", ".x.x.x.", "xx..x.x"],
)
def test_no_key_is_lost_where_a_line_tells_of_some_alone(
    told: str, lag_ms: float, tones_of_told: bool
) -> None:
    found = told_and_not("5801364", told, tones_of_told=tones_of_told, lag_ms=lag_ms)
    assert found == "5801364"


def test_a_line_that_tells_no_more_is_heard_at_once_again_after_the_first_key() -> None:
    merger = KeyMerger()
    assert merger.take("1", Way.EVENT, 0.0) == "1"
    assert merger.take("2", Way.TONE, 5_000.0) == "", "its word may still come"
    merger.sounds(100.0)
    assert merger.due(6_400.0) == ""
    assert merger.due(6_520.0) == "2"
    assert merger.take("2", Way.TONE, 7_000.0) == "2"
    assert merger.take("3", Way.TONE, 7_300.0) == "3"
    assert merger.take("3", Way.EVENT, 7_400.0) == "", "its word, late"
    assert merger.take("4", Way.TONE, 7_700.0) == "", "it tells again"


def test_a_tone_whose_key_was_told_of_makes_no_press_of_a_bit_before_it() -> None:
    merger = KeyMerger()
    assert merger.take("1", Way.EVENT, 0.0) == "1"
    assert merger.take("2", Way.TONE, 3_000.0) == ""
    merger.sounds(65.0)  # a bit of a key whose word was lost
    assert merger.take("3", Way.EVENT, 3_050.0) == "3"
    assert merger.take("4", Way.TONE, 3_200.0) == ""
    merger.sounds(65.0)
    assert merger.take("3", Way.TONE, 3_300.0) == "", "the tone of its word"
    merger.sounds(500.0)
    assert merger.due(9_000.0) == ""


def test_the_rest_of_a_tone_that_nobody_told_of_is_the_press() -> None:
    """Split after 40 ms: its beginning is a bit, and the line tells of this key in no other way."""
    merger = KeyMerger()
    assert merger.take("1", Way.EVENT, 0.0) == "1"
    for at_ms, tone_ms, follows in ((3_000.0, 65.0, False), (3_100.0, 300.0, True)):
        assert merger.take("2", Way.TONE, at_ms, follows=follows) == ""
        merger.sounds(tone_ms)
    assert merger.due(4_700.0) == "2"


def test_a_flood_of_tones_is_not_remembered() -> None:
    merger = KeyMerger()
    merger.take("1", Way.EVENT, 0.0)
    for n in range(5_000):
        merger.take("23"[n % 2], Way.TONE, 10.0)
    assert len(merger._untold) == REMEMBERED


def test_late_words_of_repeated_keys_come_in_order() -> None:
    """Each tone is heard before the word of the one before it."""
    reports = [(0.0, "9", Way.EVENT)]
    for n, key in enumerate("1121322"):
        at_ms = 5_000.0 + 300.0 * n
        reports += [(at_ms, key, Way.TONE), (at_ms + 900.0, key, Way.EVENT)]
    assert merged(reports) == "91121322"


def test_the_same_key_much_later_in_another_way_is_another_press() -> None:
    assert merged([(0.0, "1", Way.TONE), (4_000.0, "1", Way.INFO)]) == "11"


def test_keys_are_never_shown() -> None:
    heard_key = EventReceiver().add(ssrc=1, timestamp=1, marker=True, payload=payload("7", 160))
    assert "7" not in repr(heard_key).replace("duration=160", "")


def telling_no_more() -> KeyMerger:
    """Of a line that told of one key and not of the next; 40 ms of a third have sounded."""
    merger = KeyMerger()
    assert merger.take("1", Way.EVENT, 0.0) == "1"
    for key, at_ms, tone_ms in (("2", 5_000.0, 100.0), ("3", 6_490.0, 40.0)):
        assert merger.take(key, Way.TONE, at_ms) == ""
        merger.sounds(tone_ms)
    assert merger.due(6_510.0) == "2"
    return merger


def test_a_tone_that_has_just_begun_when_the_line_is_found_to_tell_no_more_is_no_bit() -> None:
    merger = telling_no_more()
    merger.sounds(20.0)
    assert merger.due(6_530.0) == ""
    merger.sounds(20.0)
    assert merger.due(6_550.0) == "3", "as soon as it is whole"
    assert merger.take("4", Way.TONE, 6_600.0) == "4"


def test_what_began_when_the_line_was_found_to_tell_no_more_comes_before_the_next_key() -> None:
    merger = telling_no_more()
    merger.sounds(60.0)
    assert merger.take("4", Way.TONE, 6_600.0) == "34"
    assert merger.due(9_000.0) == ""


def test_a_bit_that_began_when_the_line_was_found_to_tell_no_more_is_no_key() -> None:
    merger = telling_no_more()
    assert merger.due(8_100.0) == ""
    assert merger.take("4", Way.TONE, 8_200.0) == "4"
