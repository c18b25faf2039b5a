"""Who may be called: numbers and addresses of the configuration, never an emergency number, nothing riding along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import config
from pipeline.errors import ConfigError
from pipeline.setting_rules import ladders, transfer_uris
from pipeline.telephone_settings import Trunk
from pipeline.transfer import ELSEWHERE, EMERGENCY, dials_emergency, fault, rung_fault, targets_of

GOOD = [
    "front-desk +12125550123",
    "front-desk 2125550123",
    "nurse sip:201@pbx.clinic.example",
    "nurse sip:+12125550123@pbx.clinic.example:5061;transport=tls",
    "nurse sips:nurse@10.0.0.5",
    "berlin +493012345678",
]


@pytest.mark.parametrize("line", GOOD)
def test_a_name_with_a_number_or_an_address_is_a_target(line: str) -> None:
    assert fault(line) == ""


@pytest.mark.parametrize(
    "address",
    ["911", "112", "999", "000", "9911", "9112", "0911", "1911", "91911", "+911", "+1911", "9-1-1", "9.1.1",
     "sip:911@pbx.clinic.example", "sip:9911@pbx.clinic.example", "sips:112@pbx.clinic.example", "tel:911",
     "sip:+1911@pbx.clinic.example", "sip:SOS@pbx.clinic.example", "urn:service:sos", "sip:9.1.1@pbx.example",
     "sip:911;phone-context=+1@pbx.clinic.example", "933", "sip:933@pbx.clinic.example"],
)  # fmt: skip
def test_an_emergency_number_is_refused_however_it_is_dialled(address: str) -> None:
    assert fault(f"desk {address}")


@pytest.mark.parametrize(
    "line",
    ["", "front-desk", "+12125550123", "Front +12125550123", "front-desk  ", "message +12125550123",
     "callback +12125550123", "x 411", "x +1411", "x 4115550123", "x +14115550123", "x 0125550123", "x +0125550123",
     "x 212555012", "x +1212555012", "x 212-555-0123x", "x sip:@pbx.example", "x sip:201@", "x sip:201@-bad",
     "x sip:201@pbx.example?Subject=Maria", "x sip:201:secret@pbx.example", "x sip:20%31@pbx.example",
     "x sip:201@pbx.example;user=phone;x=y", "x sip:201@pbx.example:99999", "x sip:201@pbx.example\r\nX: y",
     "x http://pbx.example", "x sip:201@pbx.example extra", "x \u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660"],
)  # fmt: skip
def test_what_could_carry_more_than_an_address_or_reaches_nobody_is_refused(line: str) -> None:
    assert fault(line)


@given(
    st.sampled_from(sorted(EMERGENCY)),
    st.sampled_from(["", "9", "1", "0", "+1", "+"]),
    st.text("-. ()", max_size=4),
)
def test_no_spelling_of_an_emergency_number_passes(number: str, before: str, between: str) -> None:
    spelled = between.join(before + number)
    assert fault(f"desk {spelled}")
    assert fault(f"desk sip:{spelled}@pbx.example")


@pytest.mark.parametrize(
    "address",
    ["sip:8911@pbx.example", "sip:7911@pbx.example", "sip:99911@pbx.example", "sip:81911@pbx.example",
     "sip:8112@pbx.example", "sip:7999@pbx.example", "sip:991911@pbx.example"],
)  # fmt: skip
def test_an_exchange_with_another_outside_line_dials_no_emergency_number_either(
    address: str,
) -> None:
    assert "emergency" in fault(f"nurse {address}")


@pytest.mark.parametrize("number", ["15", "17", "18", "102", "108", "190", "197", "995", "144"])
def test_other_countries_numbers_are_refused_where_callers_are_not_told_to_dial_911(
    number: str,
) -> None:
    """There, and only there: 102 is the second telephone of many an exchange in North America."""
    assert number in ELSEWHERE
    assert dials_emergency(f"desk sip:{number}@pbx.example", "112")
    assert dials_emergency(f"desk sip:9{number}@pbx.example", "999")
    assert not dials_emergency(f"desk sip:{number}@pbx.example", "911")
    assert dials_emergency(f"desk sip:8{number}@pbx.example", number)


@pytest.mark.parametrize(
    "address",
    ["+19005550123", "9005550123", "900-555-0123", "+12129765555", "2129765555", "+979123456789", "+881612345678",
     "+8835100012345", "+80812345678", "sip:+19005550123@pbx.example", "sip:919005550123@pbx.example",
     "sip:0119791234567@pbx.example", "sip:900979123456789@pbx.example"],
)  # fmt: skip
def test_what_costs_much_is_never_dialled(address: str) -> None:
    assert "premium" in fault(f"desk {address}")


@pytest.mark.parametrize(
    "address", ["+442079460018", "+18005550123", "+12129005550", "2015550123", "sip:8001@pbx.example"]
)  # fmt: skip
def test_what_costs_as_usual_is(address: str) -> None:
    assert fault(f"desk {address}") == ""


def test_the_practices_own_emergency_number_is_refused_with_the_key() -> None:
    assert dials_emergency("desk sip:15@pbx.example", "15")
    assert not dials_emergency("desk sip:215@pbx.example", "15")
    with pytest.raises(ConfigError) as refused:
        settings({"targets": ["desk sip:15@pbx.example"]}, practice={"emergency_number": "15"})
    assert any(
        f.startswith("transfer.targets: holds the practice's emergency")
        for f in refused.value.faults
    )
    assert "pbx.example" not in str(refused.value)


def test_a_target_becomes_a_uri_at_the_trunk_unless_it_is_one() -> None:
    found = targets_of(GOOD[1:3])
    assert found["front-desk"].uri("trunk.example") == "sip:+12125550123@trunk.example"
    assert found["nurse"].uri("trunk.example") == "sip:201@pbx.clinic.example"


def settings(transfer: dict[str, object], practice: dict[str, object] | None = None) -> object:
    return config.from_mapping({"transfer": transfer, "practice": practice or {}})


@pytest.mark.parametrize(
    ("transfer", "key"),
    [
        ({"ladder": ["nobody"]}, "transfer.ladder"),
        ({"targets": GOOD[:2]}, "transfer.targets"),
        ({"targets": GOOD[:1]}, "transfer.domain"),
        ({"targets": GOOD[:1], "ladder": ["front-desk", "front-desk"]}, "transfer.ladder"),
        ({"targets": GOOD[:1], "ladder": ["message", "front-desk"]}, "transfer.ladder"),
        ({"targets": GOOD[:1], "ladder": ["front-desk", "callback", "message"]}, "transfer.ladder"),
        ({"targets": GOOD[:1], "ladder": ["front-desk"], "urgent": ["message"]}, "transfer.urgent"),
        ({"targets": GOOD[:1], "urgent": ["front-desk"]}, "transfer.ladder"),
        ({"targets": GOOD[:1], "ladder": ["+12125550123"]}, "transfer.ladder"),
    ],
)
def test_a_ladder_that_cannot_be_climbed_is_refused(transfer: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(transfer)
    assert any(line.startswith(key) for line in refused.value.faults)


def test_what_is_not_written_follows_from_the_ladder() -> None:
    ladder = ["front-desk", "nurse", "message"]
    read = config.from_mapping(
        {"transfer": {"targets": GOOD[1:3], "domain": "trunk.example", "ladder": ladder}}
    )
    for own, domain in (("", "trunk.example"), ("other.example", "other.example")):
        assert transfer_uris(read, Trunk(transfer_domain=own)) == {
            "front-desk": f"sip:+12125550123@{domain}",
            "nurse": "sip:201@pbx.clinic.example",
        }
    assert ladders(read) == (
        ("front-desk", "nurse", "message"),
        ("front-desk", "nurse", "message"),
        ("front-desk", "nurse"),
    )
    assert rung_fault("front-desk") == ""
