"""`/metrics` of a real server: who may read it, what stands in it, and that Prometheus's own checker finds no fault."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from pipeline.supervisor.metrics import READS_PER_MINUTE
from tests.supervisor.served import Served, served

pytestmark = pytest.mark.wire

TOKEN = "metrics-of-the-clinic-0123456789abcdef"  # noqa: S105  # made up here
NAME = "Guadalupe"
SETTINGS = f"""
[metrics]
networks = ["10.20.0.7/32"]
token = "{TOKEN}"
[workers]
calls_per_worker = 2
[limits]
calls_per_address = 9
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    http = 'trusted_proxies = ["127.0.0.2/32"]'
    with served(tmp_path_factory.mktemp("metrics"), SETTINGS, http=http) as running:
        yield running


def read(server: Served, source: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.port, source_address=(source, 0))
    with contextlib.closing(connection):
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request("GET", "/metrics", headers=given)
        response = connection.getresponse()
        return response.status, response.read().decode()


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    assert found, series
    return float(found[1])


def promtool() -> str:
    program = shutil.which("promtool")
    assert program, "apt-get install --no-install-recommends prometheus"
    return program


def test_prometheus_finds_no_fault_in_what_a_server_shows(server: Served) -> None:
    status, text = read(server)
    assert status == 200
    done = subprocess.run(
        [promtool(), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_call_a_refusal_and_the_house_are_counted(server: Served) -> None:
    before = read(server)[1]
    call = server.call()
    second = server.call()
    assert server.ask("POST", "/api/calls")[0] == 503
    server.until("call_turned_away")
    _, text = read(server)
    begun = 'wardline_calls_begun_total{door="page"}'
    refused = 'wardline_calls_refused_total{door="page",reason="lines_busy"}'
    assert value(text, begun) - value(before, begun) == 2
    assert value(text, refused) - value(before, refused) == 1
    assert value(text, 'wardline_calls_live{worker="w1"}') == 2
    assert value(text, 'wardline_worker_ready{process="w1"}') == 1
    assert value(text, 'wardline_check_ok{check="egress"}') == 1
    assert value(text, 'wardline_check_age_seconds{check="canary"}') >= 0
    assert value(text, "wardline_paused") == 0
    for process in ("supervisor", "w1"):
        assert value(text, f'wardline_process_resident_bytes{{process="{process}"}}') > 1e6
        assert value(text, f'wardline_process_cpu_seconds_total{{process="{process}"}}') > 0
    assert 0 < value(text, 'wardline_disk_free_ratio{place="state"}') <= 1
    for each in (call, second):
        server.ask("POST", "/api/hangup", {"call_key": each["call_key"]})
    assert call["call_id"] not in text


def test_this_machine_reads_and_whoever_comes_through_somebody_else_does_not(
    server: Served,
) -> None:
    assert read(server)[0] == 200
    for header in ("X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"):
        status, text = read(server, **{header: "203.0.113.9"})
        assert (status, "wardline_calls" in text) == (403, False), header


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        ("10.20.0.7", 200),
        ("10.20.0.8", 403),
        ("127.0.0.1", 403),  # of the proxy's machine, not of this one
        ("203.0.113.9, 10.20.0.7", 200),  # the last is whom the proxy saw
        ("10.20.0.7, 203.0.113.9", 403),
        (NAME, 403),
    ],
)
def test_behind_a_trusted_proxy_the_network_of_the_reader_counts(
    server: Served, caller: str, status: int
) -> None:
    found, text = read(server, "127.0.0.2", X_Forwarded_For=caller)
    assert found == status
    assert NAME not in text


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 403),
        ("Bearer", 401),
        (f"Basic {TOKEN}", 401),
    ],
)
def test_the_token_reads_from_anywhere_and_no_other_does(
    server: Served, shown: str, status: int
) -> None:
    assert read(server, X_Forwarded_For="203.0.113.9", Authorization=shown)[0] == status


def test_no_header_path_or_query_of_a_reader_is_shown_or_logged(server: Served) -> None:
    connection = server.connect()
    with contextlib.closing(connection):
        connection.request("GET", f"/metrics?match[]={NAME}", headers={"User-Agent": NAME})
        text = connection.getresponse().read().decode()
    assert NAME not in text + server.log() + server.out()


def test_reading_without_end_is_slowed(server: Served) -> None:
    answers = 0
    while read(server, "127.0.0.9")[0] == 200:
        answers += 1
        assert answers < 2 * READS_PER_MINUTE
    assert answers >= READS_PER_MINUTE
    assert read(server)[0] == 200, "others are read as before"


def test_a_worker_that_dies_is_a_restart_and_its_call_is_lost(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.call()
        os.kill(running.until("worker_started")[0]["pid"], signal.SIGKILL)
        running.until("worker_ready", 2)
        _, text = read(running)
    assert value(text, 'wardline_worker_restarts_total{process="w1"}') == 1
    assert value(text, "wardline_calls_lost_total") == 1
    assert value(text, 'wardline_calls_ended_total{reason="worker_lost"}') == 1
