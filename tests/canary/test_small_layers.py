"""Layers that no other test stands for alone: each of these fails when its line of the source is turned off."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from phi.guard import ResultShape
from phi.vault import Compartment
from pipeline import config
from pipeline.call.outgoing import Outgoing
from pipeline.errors import StartUpError
from pipeline.store.database import Database, Location
from pipeline.store.draft import Draft
from pipeline.store.fields import KINDS, FieldRule, RequestSchema
from pipeline.telemetry import canary
from tests.canary.people import people
from tests.first_call.served import REPOSITORY

NAME = people()["exception"].name
LIBRARY = f"""
import logging, sys
from pipeline.telemetry import log
log.take_over("taken", level="debug")
NAME = {NAME!r}
def record():
    return logging.LogRecord(NAME, 50, NAME, 1, "%d of " + NAME, (NAME,), None)
"""


def said(code: str) -> tuple[bytes, bytes]:
    """What a process that was taken over writes, events and all."""
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY + code],
        capture_output=True,
        check=False,
        cwd=REPOSITORY,
        env=config.child_environment({}),
    )
    return done.stdout, done.stderr


@pytest.mark.wire
def test_a_handler_that_no_logger_asks_is_not_asked_either() -> None:
    out, err = said(
        "class Own(logging.Handler):\n"
        "    def emit(self, record): print(record.name, record.args)\n"
        "Own().handle(record())\n"
    )
    assert out == b""
    assert b"foreign_log" in err
    assert NAME.encode() not in err


@pytest.mark.wire
def test_nothing_of_a_broken_task_is_put_into_words() -> None:
    out, err = said(
        "import asyncio\n"
        "class Arguments:\n"
        "    def __repr__(self): print(NAME); return NAME\n"
        "loop = asyncio.new_event_loop()\n"
        "loop.call_exception_handler({'message': NAME, 'task': Arguments()})\n"
        "loop.close()\n"
    )
    assert out == b""
    assert b"foreign_log" in err
    assert NAME.encode() not in err


@pytest.mark.wire
def test_a_record_that_cannot_be_formatted_is_not_quoted() -> None:
    out, err = said(
        "logging.StreamHandler(sys.stderr).handleError(record())\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: logging.StreamHandler(sys.stderr).handleError(record())\n"
    )
    assert NAME.encode() not in out + err
    assert b"ZeroDivisionError" not in err


@pytest.mark.wire
def test_a_formatter_alone_says_where_and_not_what() -> None:
    out, err = said(
        "made = logging.LogRecord(NAME, 50, NAME, 1, NAME, (), None)\n"
        "logging.StreamHandler(sys.stderr).emit(made)\n"
        "print('ended')"
    )
    assert out == b"ended\n"
    assert err == b"other:1\n"


@pytest.mark.wire
def test_a_logger_named_after_a_caller_is_another() -> None:
    name = NAME.replace(" ", ".")
    _, err = said(f"logging.getLogger({name!r}).error('said')")
    assert b'"logger":"other"' in err
    assert name.encode() not in err


@pytest.mark.wire
def test_an_exception_whose_type_is_named_after_a_caller_is_of_its_base() -> None:
    name = NAME.replace(" ", "")
    _, err = said(f"log.crashed(type({name!r}, (ValueError,), {{}})(NAME))")
    assert b'"type":"ValueError"' in err
    assert name.encode() not in err


@pytest.mark.wire
def test_the_kernel_hands_no_memory_of_a_taken_over_process_to_anybody() -> None:
    out, _ = said("import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))")
    assert out == b"0\n"


SUPERVISOR = """
import os, sys
from pipeline.clock import MonotonicClock
from pipeline.errors import Unsafe
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.outputs import prove_own
from pipeline.telemetry import log
from pipeline.telemetry.outputs import OwnOutputs
with OwnOutputs("supervisor") as own:
    log.take_over("supervisor", descriptor=own.events)
    if sys.argv[1] == "open":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # leads past the guard
    try:
        prove_own(own, "n" * 32, Facts(MonotonicClock()))
    except Unsafe:
        status = 78
    else:
        status = 0
sys.exit(status)
"""


@pytest.mark.wire
@pytest.mark.parametrize(("way", "status"), [("closed", 0), ("open", 78)])
def test_a_supervisor_with_a_way_out_does_not_start(way: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, way],
        capture_output=True,
        check=False,
        cwd=REPOSITORY,
        env=config.child_environment({}),
    )
    assert done.returncode == status, done.stderr
    assert canary.base_of("n" * 32).encode() not in done.stdout + done.stderr


def test_an_error_of_the_database_quotes_no_row(tmp_path: Path) -> None:
    database = Database(Location(directory=tmp_path / "data"))
    database.upgrade()
    with pytest.raises(StartUpError) as caught, database.writing() as session:
        session.execute(text(f"INSERT INTO nobodys_table VALUES ('{NAME}')"))  # noqa: S608  # a name of our own
    database.close()
    assert NAME not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_stored_value_in_a_tool_s_result_is_its_handle() -> None:
    compartment = Compartment()
    compartment.put("birth_date", "1953-07-19", frozenset(["store"]))
    outgoing = Outgoing("c1", compartment, (), lambda: date(2026, 11, 21))
    shape = ResultShape({"status": str})
    told = outgoing.result(shape, {"status": "born july nineteenth nineteen fifty three"})
    assert told == {"status": "born {{patient.birth_date}}"}


def test_a_field_to_look_up_by_is_not_kept() -> None:
    schema = RequestSchema((FieldRule("phone", KINDS["phone"], lookup=True),))
    draft = Draft("r1", "c1", schema, 1_000)
    assert draft.field("phone", "2125550143", 0)
    draft.complete(0)
    taken = draft.take(0)
    assert taken is not None
    assert (taken.fields, taken.tokens) == ({}, {"phone": "2125550143"})
