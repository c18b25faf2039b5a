"""Prints the memory table of docs/gpu-box.md, from the shapes alone: `python -m tools.gpu_table`."""

from __future__ import annotations

from collections.abc import Iterator

from models.sizes import CALL_TOKENS, GB, GIB, LLMS, WHISPERS, LlmShape, calls_on, plan

CARDS_GB = (16, 24, 32, 48, 80, 141)
CALLS = 16
FORMATS = (("BF16", 2.0), ("FP8", 1.0))
TURBO = WHISPERS[0]


def rows() -> Iterator[list[str]]:
    """One for each model and format."""
    for llm in LLMS:
        for name, bytes_each in FORMATS:
            yield [f"{llm.name} {name}", *_row(llm, bytes_each)]


def _row(llm: LlmShape, bytes_each: float) -> Iterator[str]:
    yield _gib(llm.weights_bytes(bytes_each))
    yield _mib(llm.cache_bytes(CALL_TOKENS))
    whole = plan(llm, TURBO, calls=CALLS, bytes_each=bytes_each)
    yield f"{whole.needed_bytes / GB:.1f}"
    for card in CARDS_GB:
        fit = calls_on(card * GB, llm, TURBO, bytes_each=bytes_each)
        yield str(fit) if fit else "–"


def table() -> str:
    """Markdown."""
    head = ["language model", "weights GiB", "a call's cache MiB", f"{CALLS} calls need GB"]
    head += [f"calls on {card} GB" for card in CARDS_GB]
    lines = [head, ["---"] * len(head), *rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ears() -> str:
    """The same for recognisers."""
    lines = [["recogniser", "weights MiB, float16", "one window MiB"], ["---"] * 3]
    lines += [
        [each.name, _mib(each.weights_bytes()), _mib(each.window_bytes())] for each in WHISPERS
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f}"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.0f}"


if __name__ == "__main__":
    print(table(), ears(), sep="\n\n")
