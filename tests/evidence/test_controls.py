"""The control map and its page: every file and test it names exists, and it promises no compliance."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.evidence.controls import SECTIONS, Control, controls, markdown
from tools.hipaa_page import PAGE, page

ROOT = Path(__file__).parents[2]
FOUND = controls()


@pytest.mark.parametrize("control", FOUND, ids=lambda control: control.id)
def test_every_file_and_test_of_the_map_exists(control: Control) -> None:
    for path in control.code:
        assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file(), path
    for test in control.tests:
        path, _, function = test.partition("::")
        text = (ROOT / path).read_text()
        assert re.search(rf"def {re.escape(function)}\(", text), test
    for named in re.findall(r"docs/[\w-]+\.md", control.how + control.duty):
        assert (ROOT / named).is_file(), named


def test_every_section_of_the_rule_is_there_in_order_and_no_control_twice() -> None:
    ids = [control.id for control in FOUND]
    assert len(set(ids)) == len(ids) > 45
    parts = [each.split("(")[0] for each in ids]
    assert parts == sorted(parts)
    assert set(parts) == set(SECTIONS)
    assert all(control.duty for control in FOUND)
    assert all(bool(control.how) == (control.state != "organisation") for control in FOUND)
    assert all(bool(control.code) == (control.state != "organisation") for control in FOUND)


def test_the_page_is_the_map() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "run: python -m tools.hipaa_page"
    assert markdown(FOUND).count("\n| 164.") == len(FOUND)


@pytest.mark.parametrize("name", ["README.md", "docs/hipaa-controls.md", "docs/threat-model.md"])
def test_row_o12_no_page_promises_compliance(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.search(r"not\s+legal\s+advice", text)
    claims = r"(?i)(HIPAA[- ](?:compliant|certified|ready|approved)|(?:is|are|fully|be)\s+compliant|guarantees)"
    assert not re.search(claims, text)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('[[control]]\nid = "164.312(b)"\n', "needs exactly the keys"),
        (
            '[[control]]\nid = "164.999(a)"\ntitle = ""\nlevel = "required"\nstate = "supported"\nhow = ""\nduty = ""\n',
            "in no section",
        ),
        (
            '[[control]]\nid = "164.312(b)"\ntitle = ""\nlevel = "required"\nstate = "done"\nhow = ""\nduty = ""\n',
            "unknown state",
        ),
        (
            '[[control]]\nid = "164.312(b)"\ntitle = ""\nlevel = "required"\nstate = "supported"\nhow = ""\nduty = ""\n',
            "has tests",
        ),
    ],
)
def test_a_wrong_entry_is_named(entry: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        controls(entry)
