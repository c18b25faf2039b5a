"""What one rule more takes out or leaves in: owners of devices, streets of any suffix, parts of known names, log lines."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, **known: str) -> str:
    context = CallContext(single=True)
    for field, value in known.items():
        context.learn(field, value)
    return REDACTOR.redact(text, context).text


@pytest.mark.parametrize(
    "text",
    [
        "listening on 127.0.0.1:8443, 4 workers", "GET /healthz 200 3ms", "/api/live/reveal 403 12.5ms",
        '"POST /api/offer" 503 1ms', "¿aceptan medicaid?", "¡gracias!", "i'm on the right track",
        "Office hours: Mon-Fri 8:00-17:00, Sat 9:00-12:00.", "cache hit ratio 0.93 (1204 of 1295)",
        "listening on [::1]:8443", "asyncio.TimeoutError after 5.0 s in speak", "ulimit -n 65536",
        "rtt min/avg/max = 0.1/0.2/0.5 ms", "buckets: 50 100 200 400", "5 10 15 20",
        "it's a burning pain under my ribs", "they gave me a foley catheter", "he has a positive murphy sign",
        "latency 3.1415 ms", "discount 20%25 off", "/x?y=%20%2F%3D", "lat 12.4 ms",
        "Paciente con dolor abdominal de 2 días de evolución.",
    ],
)  # fmt: skip
def test_what_identifies_nobody_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("127.0.0.1:8443 2125550143", "2125550143"),
        ("127.0.0.1:8443, 4821", "4821"),
        ("/call 212 555 0143", "0143"),
        ("GET /patients/2125550143 200 3ms", "2125550143"),
        ("my number is &#53;&#53;&#53;&#48;&#49;&#52;&#51;", "&#48;"),
        ("number %35%35%35%30%31%34%33", "%35"),
        ("lat=40.7128 lon=-74.0060", "40.7128"),
        ('{"latitude": 40.7128, "longitude": -74.0060}', "74.00"),
        ("ask for murphy, the test is his", "murphy"),
        ("mrs foley has a catheter", "foley"),
        ("it is under my name, okonkwo", "okonkwo"),
        ("number 2 4 6 8", "2 4 6 8"),
        ("member 1204 of 1295 okonkwo", "okonkwo"),
        ("fax 8:30-12:00:4471", "4471"),
        ("s as in sam 5 5 5 0 1 4 3", "5 5 5"),
        ("¿habla usted con Oluwaseun Adeyemi?", "Oluwaseun"),
    ],
)
def test_an_identifier_beside_them_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("owner", ["Grace", "Mark", "Hope", "Daniel"])
@pytest.mark.parametrize("device", ["iPhone", "laptop"])
def test_a_device_is_named_after_its_owner(owner: str, device: str) -> None:
    said = redact(f'user_agent="{owner}\'s {device}"')
    assert said.startswith('user_agent="[NAME]')
    assert owner not in said


@pytest.mark.parametrize(
    "street", ["quail crossing", "windy hollow", "otter ridge", "mill pond trail"]
)
@pytest.mark.parametrize("said", ["i live on {}", "on {}", "we moved to a house on {}"])
def test_a_street_without_a_number_goes_whatever_its_suffix(street: str, said: str) -> None:
    assert redact(said.format(street)) == said.format("[ADDRESS]")


@pytest.mark.parametrize(
    "text", ["M. G.", "call M.G. back", "seen: M. G., 9:30", "4d61726961", "id 476F6D657A"]
)
def test_initials_and_one_word_of_a_known_name_in_hexadecimal_go(text: str) -> None:
    said = redact(text, name="Maria Gomez")
    assert "M. G" not in said
    assert "M.G" not in said
    assert "[" in said
    assert "4d61726961" not in said
    assert "476F6D657A" not in said


def test_initials_of_nobody_stay() -> None:
    assert redact("e.g. at ten", name="Maria Gomez") == "e.g. at ten"
