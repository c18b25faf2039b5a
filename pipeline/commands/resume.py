"""`wardline resume`: the emergency switch back: callers are served again, once that is on record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline import config
from pipeline.audit.by_command import append, local_user
from pipeline.audit.records import Administration
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.pause import add_arguments, followed, say_standing
from pipeline.errors import ConfigError, StartUpError
from pipeline.supervisor.emergency import NO_REASON, SwitchFile


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        if arguments.status:
            return say_standing(settings)
        append(settings, [Administration(action="resume", user_id=local_user(), success=True)])
        file = SwitchFile(Path(settings.state.directory))
        file.throw(paused=False, by=local_user(), reason=NO_REASON)
    except ConfigError as error:
        return say_faults(error)
    except (StartUpError, OSError) as error:
        print(f"wardline resume: {error}", file=sys.stderr)
        return 1
    print(f"Callers are served again. {followed(settings, paused=False)}")
    return 0


command = Command("resume", "Emergency switch back: serve callers again", add_arguments, _run)
