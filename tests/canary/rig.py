"""A server of its own ground: its home, its current and all temporary folders, and everything it meets."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import config
from tests.canary import faults, outputs, shared_folders
from tests.canary.outside import Outside, outside
from tests.canary.people import Person, everything, people
from tests.canary.search import Hit, Search
from tests.first_call.served import REPOSITORY, Served, served

PEOPLE = people()
SECRET = f"{PEOPLE['secret'].last}-{PEOPLE['secret'].phone}-{PEOPLE['secret'].record}-secret"
GIVEN = ("wardline.toml", "secret", "ground/fault", "state/cache")
"""What we laid there ourselves; the models are looked at by whether they changed."""

CONFIGURATION = f"""
# for {PEOPLE["configuration"].says}
[engines]
llm = "openai"
llm_url = "{{model}}"
llm_model = "model-{PEOPLE["configuration"].last}"
llm_api_key = "${{{{file:{{secret}}}}}}"
[webhook]
url = "{{webhook}}"
addresses = ["127.0.0.0/8"]
secret = "${{{{file:{{secret}}}}}}"
[audit]
syslog = "{{syslog}}"
[traces]
keep = "on"
[media]
connect_limit_ms = 1500
[limits]
tokens_per_minute = 10000
calls_per_address = 50
pending_per_address = 50
"""


@dataclass(slots=True)
class Ground:
    """One server, what stands around it, and what it showed."""

    server: Served
    outside: Outside
    shown: outputs.Places = field(default_factory=dict)
    """answers over HTTP and what `/proc` said at chosen moments"""
    heard: dict[str, set[str]] = field(default_factory=dict)
    """what was typed, and what the recogniser made of speech, as the page showed it"""
    told: set[str] = field(default_factory=set)
    """what the caller was told, as the page showed it"""

    def fail(self, stage: str) -> None:
        """From now on this stage fails; "" mends it."""
        (self.server.directory / "ground" / faults.FILE).write_text(stage)

    def fired(self) -> set[str]:
        """The stages that failed so far."""
        file = self.server.directory / "ground" / faults.FIRED
        return set(file.read_text().splitlines()) if file.exists() else set()

    def look_at_processes(self, when: str) -> None:
        """Keep what anybody may read about the processes now."""
        seen = outputs.processes(self.server.processes())
        self.shown |= {f"{when}: {name}": data for name, data in seen.items()}

    def places(self) -> outputs.Places:
        """Everything there is to search."""
        received = self.outside.received
        return (
            outputs.files(self.server.directory, GIVEN)
            | outputs.rows(self.server.directory / "state")
            | self.shown
            | {f"webhook {n}": data for n, data in enumerate(received.reported)}
            | {"syslog": b"\n".join(received.logged)}
        )

    def hits(self, places: outputs.Places | None = None) -> list[Hit]:
        """Whoever was planted and came out."""
        return _SEARCH.look(self.places() if places is None else places)


_SEARCH = Search(everything(PEOPLE.values()) | {"secret secret": SECRET})


@contextlib.contextmanager
def ground(
    directory: Path,
    cache: Path | None,
    *,
    level: str = "debug",
    options: tuple[str, ...] = (),
    more: str = "",
) -> Iterator[Ground]:
    """Serve with faults on demand; core files would be written if the server allowed them.

    `more` is put before our configuration: its first lines belong to `[log]`.
    """
    for name in ("home", "tmp", "ground"):
        (directory / name).mkdir(parents=True)
    needed = (directory, cache or directory, REPOSITORY, Path(sys.prefix), Path(sys.base_prefix))
    own = {
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp"),
        "PYTHONPATH": str(REPOSITORY),
        "USER": "wardline",
        "WARDLINE_HTTP_TRUSTED_PROXIES": "127.0.0.0/8",
    }
    with outside(directory) as around, core_files_allowed():
        toml = CONFIGURATION.format(
            model=around.model_url,
            webhook=around.webhook_url,
            syslog=around.syslog,
            secret=_secret_in(directory),
        )
        with served(
            directory,
            more + toml,
            cache,
            program=("tests.canary.faulty_serve", *options),
            level=level,
            cwd=directory / "ground",
            environment=config.child_environment({}) | own,
            start=shared_folders.own(directory / "shared", needed),
        ) as server:
            made = Ground(server, around)
            yield made
        made.fail("")


def _secret_in(directory: Path) -> Path:
    file = directory / "secret"
    file.touch(0o600)
    file.write_text(SECRET)
    return file


@contextlib.contextmanager
def core_files_allowed() -> Iterator[None]:
    """What the server inherits: it has to forbid them itself.

    A command that an earlier test ran in this process may have forbidden them for good; root may allow them again.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    highest = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (highest, highest))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def models_in(cache: Path) -> dict[str, float]:
    """The recogniser's models and when they were made."""
    return {str(path): path.stat().st_mtime for path in cache.rglob("*")}


def person(came_by: str) -> Person:
    """Who came this way."""
    return PEOPLE[came_by]
