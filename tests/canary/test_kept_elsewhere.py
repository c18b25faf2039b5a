"""Target P3 where more is kept than by default: calls recorded, libraries' sentences redacted, PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import psycopg
import pytest

from pipeline import config
from tests.canary import course, outputs
from tests.canary.faults import SUPERVISOR_STAGES, WORKER_STAGES
from tests.canary.people import everything, people
from tests.canary.rig import PEOPLE, Ground, ground
from tests.canary.search import Search
from tests.first_call.served import REPOSITORY, wardline
from tests.store.conftest import House
from tests.store.postgresql import TALKATIVE, USER, Server, running
from tests.store.snapshots import snapshot

pytestmark = pytest.mark.wire

STAGES = (*WORKER_STAGES, *SUPERVISOR_STAGES)
SEARCH = Search(everything(PEOPLE.values()))
SHORT_LINES = {
    "emergency": "Emergency? Hang up and dial {emergency_number}.",
    "automated": "Automated line.",
    "person": "Say person, or press zero.",
    "recording_notice": "May we record this call?",
}
"""A greeting is heard in real time."""
REDACTED = 'text = "redacted"\n'
RECORDING = """
[practice]
name = "Maple Street Clinic"
phone = "212-555-0100"
consent = "You will be asked whether this call may be recorded."
flow_file = "{flow}"
[recording]
mode = "ask"
days = ["call 30"]
"""
POSTGRESQL = """
[store]
url = "{url}"
user = "{user}"
"""


@pytest.fixture(scope="module")
def talkative() -> Iterator[Server]:
    """A server that logs whatever it can; its write-ahead log is in small files."""
    with running(*TALKATIVE, segment_mebibytes=1) as server:
        yield server


# --- what `make test` runs: each way of keeping alone, without a call -------------------------------------

SPEAKING = """
import sys
from phi.redact import Redactor
from pipeline.telemetry import log, words
from pipeline.telemetry.redaction import Redaction
log.take_over("taken", level="debug", text="redacted")
words.plug(Redaction(Redactor(budget_ms=2000)).clean)
from tests.canary.faults import speak_to_libraries
speak_to_libraries()
"""


def test_target_p3_a_library_s_sentences_are_written_without_what_was_planted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPEAKING],
        capture_output=True,
        check=True,
        cwd=REPOSITORY,
        env=config.child_environment({}),
    )
    assert b'"text":"' in done.stderr
    assert b"[NAME]" in done.stderr
    assert SEARCH.look({"stdout": done.stdout, "stderr": done.stderr}) == []


def test_target_p3_a_request_in_postgresql_is_in_no_file_and_no_row_of_the_server(
    talkative: Server, tmp_path: Path
) -> None:
    url = talkative.create("alone")
    before = outputs.digests(talkative.directory)
    persons = people()
    with House(tmp_path / "state", url).records() as records:
        for number, person in enumerate(persons.values()):
            fields = {"first_name": person.first, "last_name": person.last, "phone": person.phone}
            records.write(snapshot(number, revision=1, fields=fields))
            born = {"birth_date": person.values["born"], "note": person.says}
            records.write(snapshot(number, revision=2, fields=fields | born))
        places = outputs.database_rows(url, USER)
    places |= outputs.database_folder(talkative.directory, before)
    assert f"{0:032x}".encode() in places["postgresql log"]  # it tells what it is told
    assert [name for name in places if name.startswith("postgresql data/pg_wal/0")]
    assert [name for name in places if name.startswith("postgresql data/base/")]
    assert places['postgresql table "requests"']
    assert SEARCH.look(places) == []


@pytest.mark.long
def test_what_lies_open_in_postgresql_is_found_in_each_of_its_places() -> None:
    person = people()["output"]
    with running(
        *TALKATIVE, segment_mebibytes=1
    ) as leaky:  # its log would tell the other tests of this leak
        url = leaky.create("leaky")
        before = outputs.digests(leaky.directory)
        with psycopg.connect(url, user=USER) as connection:
            connection.execute("CREATE TABLE leaked (said text)")
            connection.execute("INSERT INTO leaked VALUES (%s)", (person.says,))
            connection.commit()
            connection.execute("CHECKPOINT")
            places = outputs.database_rows(url, USER)
        places |= outputs.database_folder(leaky.directory, before)
    found = {hit.place for hit in SEARCH.look(places)}
    starts = ("log", "data/pg_wal/", "data/base/", 'table "leaked"')
    assert all(any(place.startswith(f"postgresql {start}") for place in found) for start in starts)


# --- whole servers --------------------------------------------------------------------------------------


def _flow(directory: Path, identify: str = "") -> Path:
    """The shipped one with short lines; `identify` is asked for after the telephone number, into the vault."""
    shipped = resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")
    for key, line in SHORT_LINES.items():
        shipped = re.sub(
            rf"^{key} = .*$", f'{key} = "{line}"', shipped, count=1, flags=re.MULTILINE
        )
    file = directory / "flow.toml"
    file.write_text(f'identify = ["{identify}"]\n{shipped}' if identify else shipped)
    return file


def _exported(where: Ground, to: Path) -> list[bytes]:
    """The loudest moment of each recording, as it would lie readable in a file."""
    config_ = ("--config", str(where.server.directory / "wardline.toml"))
    token = to / "token"
    token.write_text(wardline("token", *config_, "create", "--role", "admin", "desk").stdout)
    found = []
    for path in sorted(where.server.directory.rglob("rec_*.wardrec")):
        file = to / f"{path.stem}.wav"
        staff = (*config_, "--token-file", str(token))
        done = wardline("recordings", *staff, "export", path.stem, "--to", str(file))
        assert file.exists(), done.stderr
        with wave.open(str(file)) as opened:
            sound = np.frombuffer(opened.readframes(opened.getnframes()), dtype="<i2")
        stereo = sound.reshape(-1, 2)
        for side in (0, 1):
            at = int(np.abs(stereo[:, side]).argmax()) if stereo.size else 0
            together, alone = stereo[at : at + 8], stereo[at : at + 16, side]
            found += [each.tobytes() for each in (together, alone) if len(set(each.flat)) >= 8]
    return found


def _assert_calls_were_recorded(where: Ground, to: Path) -> None:
    """Recordings were made, they hold sound, and none of it lies readable anywhere."""
    assert len(where.server.events("recording_started")) >= len(STAGES) // 2
    places = where.places()
    needles = _exported(where, to)
    assert len(needles) >= 3
    assert not [name for name, data in places.items() for needle in needles if needle in data]


def _assert_sentences_were_written(where: Ground) -> None:
    assert [event for event in where.server.events("free_text") if event["text"]]


def _assert_requests_are_in_postgresql(where: Ground, elsewhere: outputs.Places) -> None:
    assert elsewhere['postgresql table "requests"']
    assert not list((where.server.directory / "state").rglob("requests.db"))


@pytest.mark.long
def test_target_p3_no_planted_identifier_comes_out_of_a_server_that_records(
    tmp_path: Path, model_cache: Path
) -> None:
    more = RECORDING.format(flow=_flow(tmp_path))
    with ground(tmp_path / "server", model_cache, more=more) as where:
        asyncio.run(course.take(where, STAGES, recorded=True))
    course.assert_nothing_came_out(where, STAGES)
    _assert_calls_were_recorded(where, tmp_path)


@pytest.mark.long
def test_target_p3_no_planted_identifier_comes_out_of_a_server_that_writes_redacted_sentences(
    tmp_path: Path, model_cache: Path
) -> None:
    with ground(tmp_path / "server", model_cache, more=REDACTED) as where:
        asyncio.run(course.take(where, STAGES))
    _assert_sentences_were_written(where)
    course.assert_nothing_came_out(where, STAGES)


@pytest.mark.long
def test_target_p3_no_planted_identifier_comes_out_of_a_server_with_postgresql(
    talkative: Server, tmp_path: Path, model_cache: Path
) -> None:
    url = talkative.create("served")
    before = outputs.digests(talkative.directory)
    more = POSTGRESQL.format(url=url, user=USER)
    with ground(tmp_path / "server", model_cache, more=more) as where:
        asyncio.run(course.take(where, STAGES))
        elsewhere = outputs.database_rows(url, USER)
    elsewhere |= outputs.database_folder(talkative.directory, before)
    _assert_requests_are_in_postgresql(where, elsewhere)
    course.assert_nothing_came_out(where, STAGES, elsewhere)


@pytest.mark.long
def test_target_p3_no_planted_identifier_comes_out_of_a_server_with_all_of_it(
    talkative: Server, tmp_path: Path, model_cache: Path
) -> None:
    url = talkative.create("both")
    before = outputs.digests(talkative.directory)
    more = REDACTED + RECORDING.format(flow=_flow(tmp_path, "birth_date"))
    more += POSTGRESQL.format(url=url, user=USER)
    with ground(tmp_path / "server", model_cache, more=more) as where:
        asyncio.run(course.take(where, STAGES, recorded=True))
        elsewhere = outputs.database_rows(url, USER)
    elsewhere |= outputs.database_folder(talkative.directory, before)
    _assert_sentences_were_written(where)
    _assert_requests_are_in_postgresql(where, elsewhere)
    course.assert_nothing_came_out(where, STAGES, elsewhere, confided=True)
    _assert_calls_were_recorded(where, tmp_path)
