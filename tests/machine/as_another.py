"""Looks at a machine as a user who may see little: `python -m tests.machine.as_another STATE_FOLDER` prints findings."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from pipeline import config
from pipeline.machine.judge import judge
from pipeline.machine.read import look

NOBODY = 65_534

if __name__ == "__main__":
    settings = config.from_mapping({"state": {"directory": sys.argv[1]}})
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(NOBODY)
    found = judge(look(settings, run=lambda *_: None))
    print(json.dumps([asdict(finding) for finding in found]))
