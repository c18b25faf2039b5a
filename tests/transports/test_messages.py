"""Every message a caller may send, and everything that only looks like one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ports import Spoken
from pipeline.transports.messages import (
    JUNK_LIMIT,
    FromCaller,
    HangUp,
    Heard,
    Inbox,
    Key,
    Mute,
    Ping,
    Typed,
    read_message,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "ping", "t": 7}', Ping(7.0)),
        ('{"type": "ping", "t": -0.5}', Ping(-0.5)),
        ('{"type": "dtmf", "key": "#"}', Key("#")),
        ('{"type": "typed", "text": "mañana"}', Typed(Spoken("mañana"))),
        ('{"type": "typed", "text": "\\ud83d\\ude00"}', Typed(Spoken("😀"))),
        ('{"type": "heard", "epoch": 3, "t": 12.5}', Heard(3, 12.5)),
        ('{"type": "mute", "on": true}', Mute(True)),
        ('{"type": "mute", "on": false}', Mute(False)),
        ('{"type": "bye"}', HangUp()),
        ('{"type": "bye", "unknown": [1, {"x": null}]}', HangUp()),
        ('{"type": "dtmf", "type": "bye", "key": "1"}', HangUp()),  # the last wins, as in a browser
    ],
)
def test_each_message_is_read(text: str, message: FromCaller) -> None:
    assert read_message(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "7",
        '"ping"',
        "[]",
        '[{"type": "bye"}]',
        "{",
        "{}",
        '{"type": null}',
        '{"type": ["bye"]}',
        '{"type": "Bye"}',
        '{"type": "flush", "epoch": 1}',
        '{"type": "ping"}',
        '{"type": "ping", "t": "1"}',
        '{"type": "ping", "t": true}',
        '{"type": "ping", "t": NaN}',
        '{"type": "ping", "t": Infinity}',
        '{"type": "ping", "t": -1e999}',
        '{"type": "ping", "t": 1' + "0" * 400 + "}",
        '{"type": "ping", "t": 1' + "0" * 5_000 + "}",
        '{"type": "dtmf", "key": ""}',
        '{"type": "dtmf", "key": "12"}',
        '{"type": "dtmf", "key": 1}',
        '{"type": "dtmf", "key": "A"}',
        '{"type": "typed", "text": ""}',
        '{"type": "typed", "text": ["a"]}',
        '{"type": "typed", "text": "' + "a" * 501 + '"}',
        '{"type": "typed", "text": "\\ud83d"}',
        '{"type": "typed", "text": "\ud83d"}',
        '{"type": "heard", "epoch": -1, "t": 1}',
        '{"type": "heard", "epoch": true, "t": 1}',
        '{"type": "heard", "epoch": 1.0, "t": 1}',
        '{"type": "heard", "epoch": 1, "t": NaN}',
        '{"type": "heard", "epoch": 1' + "0" * 400 + ', "t": 1}',
        '{"type": "mute", "on": 1}',
        '{"type": "mute"}',
        "[" * 4_096,
        '{"a":' * 800,
        "\0" * 100,
    ],
)
def test_what_is_not_a_message_is_none(text: str) -> None:
    assert read_message(text) is None


def test_bytes_are_not_a_message() -> None:
    assert read_message(b'{"type": "bye"}') is None


@pytest.mark.parametrize(("padding", "read"), [(4_096, True), (4_097, False), (10_000, False)])
def test_a_message_is_at_most_four_kibibytes(padding: int, read: bool) -> None:
    text = '{"type": "bye"}'
    padded = text[:-1] + " " * (padding - len(text)) + "}"
    assert len(padded) == padding
    assert (read_message(padded) is not None) == read


def test_the_limit_counts_bytes_and_not_characters() -> None:
    text = '{"type": "bye", "x": "' + "é" * 2_040 + '"}'
    assert len(text) < 4_096 < len(text.encode())
    assert read_message(text) is None


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_read_or_refused_without_an_error(text: str | bytes) -> None:
    read_message(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["ping", "dtmf", "typed", "heard", "mute", "bye"]),
    st.dictionaries(st.sampled_from(["t", "key", "text", "epoch", "on"]), _JSON),
)
def test_any_value_in_a_known_message_is_read_or_refused(
    kind: str, body: dict[str, object]
) -> None:
    read_message(json.dumps({"type": kind, **body}))


def test_fifty_messages_a_second_are_read_and_the_rest_counted() -> None:
    inbox = Inbox()
    read = [inbox.read('{"type": "ping", "t": 1}', 0.0) for _ in range(60)]
    assert sum(message is not None for message in read) == 50
    assert inbox.junk == 10
    assert inbox.read('{"type": "bye"}', 19.0) is None, "less than one message of allowance"
    assert inbox.read('{"type": "bye"}', 39.0) == HangUp()


def test_an_hour_of_silence_saves_up_one_second() -> None:
    inbox = Inbox()
    inbox.read('{"type": "ping", "t": 1}', 0.0)
    read = [inbox.read('{"type": "ping", "t": 1}', 3_600_000.0) for _ in range(60)]
    assert sum(message is not None for message in read) == 50


def test_a_page_at_its_own_pace_never_overruns() -> None:
    inbox = Inbox()
    for tick in range(3_000):
        assert inbox.read('{"type": "ping", "t": 1}', tick * 20.0) is not None
    assert inbox.junk == 0


def test_two_hundred_messages_of_junk_are_an_overrun() -> None:
    inbox = Inbox()
    for tick in range(JUNK_LIMIT):
        assert not inbox.overrun
        inbox.read("junk", tick * 1_000.0)
    assert inbox.overrun
