"""Every option and variable of ours is one that the real package takes, on a card as on a processor."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import child_environment
from pipeline.model_server import flags
from pipeline.model_server.surroundings import CACHES, QUIET, environment
from pipeline.settings import LLM_OPTIONS, LlmServer
from tests.vllm.real import ENVIRONMENT, ROOT

pytestmark = [pytest.mark.vllm, pytest.mark.wire]

SERVER = LlmServer(executable="/opt/vllm/bin/vllm", model_directory="/models/one", draft="mtp")
VALUES = {
    "--attention-backend": "FLASH_ATTN",
    "--block-size": "16",
    "--chat-template": "/models/one/template",
    "--config-format": "auto",
    "--dtype": "bfloat16",
    "--kv-cache-dtype": "fp8",
    "--load-format": "safetensors",
    "--max-num-batched-tokens": "8192",
    "--quantization": "fp8",
    "--reasoning-parser": "qwen3",
    "--seed": "1",
    "--tensor-parallel-size": "2",
    "--tokenizer-mode": "auto",
}
PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
answers = []
for words in json.load(sys.stdin):
    known = parser.parse_args(words)  # ends with a sentence at one it does not know
    held = known.structured_outputs_config
    if not isinstance(held, dict):
        held = vars(held)
    answers.append({"backend": held["backend"], "spaces": not held["disable_any_whitespace"], "host": known.host, "origins": known.allowed_origins,
                    "strict": str(known.tool_strict_level), "key": known.api_key,
                    "requests": known.enable_log_requests, "outputs": known.enable_log_outputs,
                    "code": known.trust_remote_code, "queue": known.max_num_queued_reqs})
print(json.dumps(answers))
"""


def in_its_environment(*words: str, given: str = "") -> str:
    made = environment(SERVER, "k", Path("/nonexistent"), "/usr/bin:/bin")
    for name in CACHES:
        made.pop(name)
    done = subprocess.run(
        [str(ENVIRONMENT / "bin" / "python"), *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env=child_environment(made),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_parser_of_the_package_takes_every_option_with_its_value() -> None:
    further = tuple(f"{name}={VALUES[name]}" if name in VALUES else name for name in LLM_OPTIONS)
    commands = [
        flags.command(replace(SERVER, device=device, options=options), "one")[2:]
        for device in ("gpu", "cpu")
        for options in ((), further)
    ]
    answers = json.loads(
        in_its_environment("-c", PARSE, given=json.dumps(commands)).splitlines()[-1]
    )
    for answer in answers:
        assert answer == {
            "backend": "xgrammar",
            "spaces": False,
            "host": "127.0.0.1",
            "origins": [],
            "strict": "parameter",
            "key": None,
            "requests": False,
            "outputs": False,
            "code": False,
            "queue": SERVER.sequences + SERVER.queued,
        }


def test_an_option_that_the_package_does_not_know_fails_this_very_test() -> None:
    with pytest.raises(AssertionError, match="unrecognized arguments"):
        in_its_environment("-c", PARSE, given=json.dumps([["serve", "--disable-log-requests"]]))


def test_the_committed_list_is_the_packages_own_and_knows_our_variables(tmp_path: Path) -> None:
    found = tmp_path / "options.json"
    in_its_environment(str(ROOT / "tools" / "list_vllm_options.py"), str(found))
    committed = ROOT / "tests" / "model_server" / "vllm_options.json"
    assert json.loads(found.read_text()) == json.loads(committed.read_text())
    known = set(json.loads(committed.read_text())["variables"])
    made = environment(replace(SERVER, device="cpu"), "k", Path("/c"), "")
    assert {name for name in {**QUIET, **made} if name.startswith("VLLM_")} <= known
