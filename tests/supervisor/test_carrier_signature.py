from __future__ import annotations

import random

import pytest

from pipeline.supervisor.carrier_signature import is_signed, signature, spellings

KEY = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"


def form(caller: str) -> list[tuple[str, str]]:
    return [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", caller),
        ("Digits", "1234"),
        ("From", caller),
        ("To", "+18005551212"),
    ]


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (form("+12349013030"), "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        (form("+14158675309"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (form("+14158675309")[::-1], "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            [("Sid", "CA123"), ("SidAccount", "AC123")]
            + [("Digits", digits) for digits in ("5678", "1234", "1234")],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
    ],
)
def test_the_carriers_own_examples_are_right(given: list[tuple[str, str]], right: str) -> None:
    assert signature(KEY, URL, given) == right
    assert is_signed(KEY, [right], [URL], given)


def test_an_address_is_signed_with_its_usual_port_or_without() -> None:
    assert spellings("https://voice.example/a") == (
        "https://voice.example/a",
        "https://voice.example:443/a",
    )
    assert spellings("https://voice.example:8443/a") == ("https://voice.example:8443/a",)
    assert spellings("wss://voice.example/a") == (
        "wss://voice.example/a",
        "wss://voice.example/a/",
        "wss://voice.example:443/a",
        "wss://voice.example:443/a/",
    )
    assert spellings("https://[2001:db8::1]/a")[1] == "https://[2001:db8::1]:443/a"


@pytest.mark.parametrize(
    "headers", [[], [""], ["RSOYDt4T1cUTdK1PDd93/VVr8B8="] * 2, ["x" * 65], ["\udcff\x00"]]
)
def test_a_header_that_is_missing_doubled_or_strange_is_not_right(headers: list[str]) -> None:
    assert not is_signed(KEY, headers, [URL], form("+14158675309"))


def test_without_a_key_nothing_is_right() -> None:
    assert not is_signed("", [signature("", URL)], [URL])


def changed(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    letter = chr(rng.choice((0, 10, 32, 37, 38, 43, 47, 61, 65, 97, 0xE9, 0xDC80)))
    match rng.randrange(3):
        case 0:
            return text[:at] + letter + text[at:]
        case 1:
            return text[:at] + text[at + 1 :]
        case _:
            return text[:at] + letter + text[at + 1 :]


def test_10_000_changed_requests_are_not_right() -> None:
    rng = random.Random(11)
    given = form("+14158675309")
    right = signature(KEY, URL, given)
    tried = 0
    while tried < 10_000:
        url, header, parts = URL, right, list(given)
        match rng.randrange(3):
            case 0:
                url = changed(url, rng)
            case 1:
                header = changed(header, rng)
            case _:
                at = rng.randrange(len(parts))
                match rng.randrange(4):
                    case 0:
                        parts[at] = (parts[at][0], changed(parts[at][1], rng))
                    case 1:
                        parts[at] = (changed(parts[at][0], rng), parts[at][1])
                    case 2:
                        del parts[at]
                    case _:
                        parts.append(("Digits", str(rng.randrange(1_000))))
        # moving a letter from a value to the next name says the same bytes: the carrier's scheme has no separators
        said = url + "".join(n + v for n, v in sorted(set(parts)))
        same = URL + "".join(n + v for n, v in sorted(set(given)))
        if (said, header) == (same, right):
            continue
        tried += 1
        assert not is_signed(KEY, [header], [url], parts), (url, header, parts)
