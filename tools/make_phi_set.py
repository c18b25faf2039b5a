"""Makes the labelled set again: `python -m tools.make_phi_set [--seed N]`; the same seed gives the same bytes."""

from __future__ import annotations

import argparse
from collections import Counter

from bench.phi.labelled import DEVELOPMENT, TEST_HALF, write
from tools.phi_set.build import items

SEED = 20


def main() -> None:
    """Write both halves and say what is in them, by count only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    seed = parser.parse_args().seed
    for half, path in (("development", DEVELOPMENT), ("test", TEST_HALF)):
        made = items(half, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, made)
        counts = Counter(item.category for item in made)
        spans = sum(
            not span.neutral for item in made for record in item.records for span in record.spans
        )
        print(f"{path.name}: {len(made)} items, {spans} core spans, {dict(counts)}")


if __name__ == "__main__":
    main()
