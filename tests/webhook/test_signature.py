"""Signatures over raw bytes: rows W1 to W4, W9, mistakes X1 to X5 and X28."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import NotAuthorised
from pipeline.telemetry.events import set_sink
from pipeline.webhook.signature import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    WINDOW_S,
    require_signature,
    signed_headers,
)

SECRET = "s" * 32
BODY = b'{ "name": "Jos\\u00e9",\n "n": 1.0 }'
NOW_S = 1_800_000_000


def headers(body: bytes = BODY) -> dict[str, str]:
    return signed_headers(SECRET, "r00", NOW_S, body)


def refused(given_headers: dict[str, str], body: bytes = BODY, now_s: int = NOW_S) -> bool:
    with pytest.raises(NotAuthorised) as caught:
        require_signature(SECRET, given_headers, body, now_s)
    assert caught.value.status == 401
    assert "v1=" not in str(caught.value)  # X4: what would have been right is told to nobody
    return True


def test_row_w1_a_genuine_message_gives_its_id() -> None:
    assert require_signature(SECRET, headers(), BODY, NOW_S) == "r00"
    lower = {name.lower(): value for name, value in headers().items()}
    assert require_signature(SECRET, lower, BODY, NOW_S + WINDOW_S) == "r00"


def test_row_w2_the_same_object_in_another_spelling_is_another_body() -> None:
    assert refused(headers(), json.dumps(json.loads(BODY)).encode())


@pytest.mark.parametrize("name", [ID_HEADER, TIME_HEADER, SIGNATURE_HEADER])
@pytest.mark.parametrize("value", [None, "", "v1=", "é", "1" * 5000, "v1=" + "0" * 63, "-1"])
def test_row_w3_missing_short_and_strange_headers_are_401_never_an_error(
    name: str, value: str | None
) -> None:
    given_headers = headers()
    del given_headers[name]
    assert refused(given_headers if value is None else {**given_headers, name: value})


def test_an_old_copy_and_one_from_the_future_are_refused() -> None:
    assert refused(headers(), now_s=NOW_S + WINDOW_S + 1)
    assert refused(headers(), now_s=NOW_S - WINDOW_S - 1)
    assert refused({**headers(), TIME_HEADER: str(NOW_S + 1)})


def test_x28_a_short_or_empty_secret_accepts_nothing() -> None:
    for secret in ("", "s" * 31):
        with pytest.raises(NotAuthorised):
            require_signature(secret, signed_headers(secret, "r00", NOW_S, BODY), BODY, NOW_S)


def test_row_w9_none_of_ten_thousand_changed_requests_is_accepted() -> None:
    chance = random.Random(3)
    for _ in range(10_000):
        body, changed = bytearray(BODY), headers()
        if chance.random() < 0.5:
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        else:
            name = chance.choice(sorted(changed))
            text = list(changed[name])
            at = chance.randrange(len(text))
            text[at] = chance.choice([c for c in "0123456789abcdef" if c != text[at]])
            changed[name] = "".join(text)
        with pytest.raises(NotAuthorised):
            require_signature(SECRET, changed, bytes(body), NOW_S)


@given(st.dictionaries(st.sampled_from([ID_HEADER, TIME_HEADER, SIGNATURE_HEADER]), st.text()))
def test_no_header_makes_the_check_raise_anything_else(given_headers: dict[str, str]) -> None:
    refused(given_headers)


def test_row_d25_a_body_whose_signature_is_wrong_reaches_no_event() -> None:
    said: list[object] = []
    set_sink(said.append)
    refused({**headers(), SIGNATURE_HEADER: "v1=" + "0" * 64}, b"Maria Gomez")
    set_sink(None)
    assert said == []
