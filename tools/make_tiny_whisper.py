"""Make the tests' tiny Whisper: speak sentences, train a small network on them, convert it to CTranslate2.

It proves plumbing, never quality: it knows the sentences of `tools/tiny_whisper/sentences.py` and little else.
torch is not of this project; give the script an environment of its own:

    python3.11 -m venv /tmp/tiny && /tmp/tiny/bin/pip install torch==2.13.0 transformers faster-whisper espeakng-loader soxr
    /tmp/tiny/bin/python -m tools.make_tiny_whisper --help

It takes about 25 minutes of one core and 6 GB of memory. The same seed and the same versions give the same sentences and
the same noise; the weights differ in the last digits from machine to machine.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "tests" / "models" / "tiny_whisper"


def main() -> int:
    """Train, convert, listen once to every sentence, and write the files."""
    options = _options()
    missing = [name for name in ("flite",) if shutil.which(name) is None]
    if missing:
        print("this needs flite: apt install flite", file=sys.stderr)
        return 2
    try:
        from tools.tiny_whisper import training
    except ImportError as absent:
        print(
            f"the package {absent.name} is missing: see the first lines of this file",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "ct2"
        training.make(Path(folder), made, options.seed, options.steps, options.threads)
        percent = training.listen(made)
        if percent > options.worst:
            print(
                f"not written: {percent:.1f} % of the words were wrong, more than {options.worst}"
            )
            return 1
        seal(made)
        shutil.rmtree(options.out, ignore_errors=True)
        shutil.copytree(made, options.out)
    total = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{options.out}: {total} bytes, {percent:.1f} % of the words wrong")
    return 0


def seal(folder: Path) -> None:
    """Write SHA256SUMS, against which the files are checked at every start."""
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make_tiny_whisper", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=TARGET, help="folder to write, replaced")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument(
        "--steps",
        type=int,
        default=2_600,
        help="of 16 utterances each",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--worst",
        type=float,
        default=20.0,
        help="percent of words wrong at which nothing is written",
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
