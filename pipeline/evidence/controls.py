"""The control map: a safeguard of 45 CFR 164, what supports it here, the code, the tests, what remains the organisation's.

Read from `controls.toml` beside this file. The page `docs/hipaa-controls.md` and an auditor's folder are both made
from it; a test fails when a file or a test that it names does not exist.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any, Literal

FILE = "controls.toml"
State = Literal["supported", "partly", "organisation"]
STATES: dict[str, str] = {
    "supported": "supported",
    "partly": "partly supported",
    "organisation": "the organisation's",
}
KEYS = frozenset({"id", "title", "level", "state", "how", "code", "tests", "duty"})
LEVELS = frozenset({"standard", "required", "addressable"})


@dataclass(frozen=True, slots=True)
class Control:
    """One safeguard."""

    id: str
    """As in the rule: 164.312(a)(2)(iv)."""
    title: str
    level: str
    """"standard", "required" or "addressable", as the rule calls it."""
    state: str
    how: str
    """What the software does for it; "" where it does nothing."""
    code: tuple[str, ...]
    tests: tuple[str, ...]
    duty: str
    """What the organisation has to do itself."""

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def controls(text: str | None = None) -> list[Control]:
    """The whole map in the rule's order; raises `ValueError` naming the entry that is wrong."""
    if text is None:
        text = files(__package__).joinpath(FILE).read_text("utf-8")
    return [_control(entry) for entry in tomllib.loads(text)["control"]]


def markdown(found: list[Control]) -> str:
    """The table of the page, one section for each part of the rule."""
    lines: list[str] = []
    section = ""
    for control in found:
        part = control.id.split("(")[0]
        if part != section:
            section = part
            lines += ["", f"## {part} {SECTIONS[part]}", "", *_HEAD]
        tests = "<br>".join(f"`{test}`" for test in control.tests) or "–"
        code = "<br>".join(f"`{path}`" for path in control.code) or "–"
        how = control.how or "–"
        lines.append(
            f"| {control.id} | {control.title} ({control.level}) | {STATES[control.state]} | {how}"
            f" | {code} | {tests} | {control.duty} |"
        )
    return "\n".join(lines).strip() + "\n"


SECTIONS = {
    "164.308": "Administrative safeguards",
    "164.310": "Physical safeguards",
    "164.312": "Technical safeguards",
    "164.314": "Organisational requirements",
    "164.316": "Policies, procedures and documentation",
}
_HEAD = (
    "| control | what | state | how Wardline supports it | code | tests | what remains yours |",
    "|---|---|---|---|---|---|---|",
)


def _control(entry: dict[str, Any]) -> Control:
    name = entry.get("id", "an entry without id")
    if set(entry) != KEYS - ({"code", "tests"} - set(entry)):
        raise ValueError(f"{name}: needs exactly the keys {', '.join(sorted(KEYS))}")
    control = Control(
        **{**entry, "code": tuple(entry.get("code", ())), "tests": tuple(entry.get("tests", ()))}
    )
    if control.id.split("(")[0] not in SECTIONS:
        raise ValueError(f"{name}: is in no section of the rule that this page has")
    if control.state not in STATES or control.level not in LEVELS:
        raise ValueError(f"{name}: unknown state or level")
    if (control.state == "organisation") == bool(control.tests):
        raise ValueError(
            f"{name}: what is supported has tests, what is the organisation's has none"
        )
    return control
