"""Writes the tables of docs/hipaa-controls.md from the control map: `python -m tools.hipaa_page`."""

from __future__ import annotations

from pathlib import Path

from pipeline.evidence.controls import controls, markdown

PAGE = Path(__file__).parent.parent / "docs/hipaa-controls.md"
MARK = "<!-- from pipeline/evidence/controls.toml by tools/hipaa_page.py: edit there -->\n"


def page(text: str) -> str:
    """The page with its tables made anew; what stands before the mark is kept."""
    head, mark, _ = text.partition(MARK)
    if not mark:
        raise ValueError("the page has lost its mark")
    return head + MARK + "\n" + markdown(controls())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
