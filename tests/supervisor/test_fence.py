"""A server that others reach starts only where the kernel was seen to hold packets back, or when told so by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import config
from pipeline.commands.tls import CERT, KEY
from pipeline.egress.trial import Tried
from pipeline.errors import Unsafe
from pipeline.supervisor import fence
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.relaxed import relaxed
from pipeline.telemetry.events import Event, set_sink
from tests.supervisor.served import served

ROUTES = (
    "ip link set lo up && ip addr add 10.99.0.1/24 dev lo && ip route add default dev lo"
    " && ip -6 route add default dev lo && "
)
RULES = '"$1" -m pipeline.cli egress-rules --config "$2" > "$2.nft" && nft -f "$2.nft" && '
SERVE = (
    '{ : > "$2.err"; "$1" -m tests.fakes.fake_serve "$2" 2>> "$2.err" & pid=$!;'
    ' until grep -q server_ready "$2.err" || ! kill -0 $pid; do sleep 0.05; done 2>/dev/null;'
    ' kill -TERM $pid 2>/dev/null; wait $pid; status=$?; cat "$2.err" >&2; exit $status; }'
)


class Still:
    at_ms = 1_000.0

    def now_ms(self) -> float:
        return self.at_ms


def start(directory: Path, script: str, egress: str = "") -> subprocess.CompletedProcess[str]:
    """Start a server on an address beyond loopback, in a network namespace of its own."""
    made = [sys.executable, "-m", "pipeline.cli", "tls", "init", "--directory", str(directory)]
    environment = config.child_environment({"PYTHONPATH": os.getcwd()})
    subprocess.run(made, check=True, capture_output=True, env=environment)
    cert, key = directory / CERT, directory / KEY
    file = directory / "c.toml"
    file.write_text(
        f'[http]\nbind = "10.99.0.1"\nport = 0\n[tls]\ncert = "{cert}"\nkey = "{key}"\n'
        f'[state]\ndirectory = "{directory / "state"}"\n{egress}'
    )
    own = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    return subprocess.run(
        [*own, "sh", "-c", script, "sh", sys.executable, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )


@pytest.mark.wire
def test_beyond_loopback_without_rules_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = start(tmp_path, ROUTES + SERVE)
    assert done.returncode == 78, done.stderr
    assert "http.bind lets others reach this server" in done.stderr
    assert "wardline egress-rules" in done.stderr
    assert "server_listening" not in done.stderr


@pytest.mark.wire
def test_with_the_rules_in_force_it_starts_and_says_level_two(tmp_path: Path) -> None:
    done = start(tmp_path, ROUTES + RULES + SERVE)
    assert "server_ready" in done.stderr, done.stderr
    assert "EXPOSED" not in done.stdout
    assert "exposed_without_kernel_guard" not in done.stderr


@pytest.mark.wire
def test_the_override_starts_it_with_a_banner_and_an_event(tmp_path: Path) -> None:
    accepted = '[egress]\nexposed_without_kernel_guard = "accept-the-risk"\n'
    done = start(tmp_path, ROUTES + SERVE, accepted)
    assert "server_ready" in done.stderr, done.stderr
    assert "EXPOSED WITHOUT KERNEL GUARD" in done.stdout
    assert '"event":"exposed_without_kernel_guard"' in done.stderr
    assert '"event":"safety_relaxed","setting":"egress.exposed_without_kernel_guard"' in done.stderr


@pytest.mark.wire
def test_health_tells_which_processes_were_tried_and_how_long_ago(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        fact = running.ask("GET", "/healthz")[1]["tested"]["egress"]
    assert fact["result"] == "pass"
    assert fact["processes"] == ["supervisor", "w1"]
    assert (fact["level"], fact["failed"]) == (1, [])
    assert fact["tried"] >= 12
    assert 0 <= fact["age_s"] < 30


@pytest.mark.wire
def test_callers_anywhere_leave_nothing_open_but_the_media_ports(tmp_path: Path) -> None:
    open_ = (
        '[media]\nallowed_networks = ["0.0.0.0/0", "::/0"]\n'
        '[egress]\nexposed_without_kernel_guard = "accept-the-risk"\n'
    )
    with served(tmp_path, open_) as running:
        assert {event["out"] for event in running.events("egress_tested")} == {0}


@pytest.mark.wire
def test_a_process_that_does_reach_strangers_stops_the_start(tmp_path: Path) -> None:
    line = "logs Elsewhere 198.51.100.0/24 1-65535/udp"
    file = tmp_path / "c.toml"
    file.write_text(f'[state]\ndirectory = "{tmp_path}"\n[egress]\ndestinations = ["{line}"]\n')
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.fake_serve", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=config.child_environment({"PYTHONPATH": os.getcwd()}),
    )
    assert done.returncode == 78
    assert "process supervisor could reach a place that is not listed" in done.stderr
    assert "egress.destinations" in done.stderr


BEHIND_A_PROXY = {
    "http": {"public_url": "https://voice.clinic.example", "trusted_proxies": ["127.0.0.1/32"]}
}
FROM_OUTSIDE = {"media": {"allowed_networks": ["127.0.0.0/8", "203.0.113.0/24"]}}
LAPTOP = {
    "http": {"public_url": "http://localhost:8080"},
    "media": {"allowed_networks": ["127.0.0.0/8", "::1/128"]},
}


@pytest.mark.parametrize(
    ("tree", "key"),
    [
        (BEHIND_A_PROXY, "http.public_url"),
        (FROM_OUTSIDE, "media.allowed_networks"),
        ({**BEHIND_A_PROXY, **FROM_OUTSIDE}, "http.public_url"),
    ],
)
def test_a_server_on_loopback_that_others_reach_all_the_same_needs_the_kernel_too(
    tree: dict[str, object], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts(Still())
    plain = ("dns over udp", "udp message (syslog)", "ntp")
    monkeypatch.setattr(fence, "try_kernel", lambda: [Tried(name, "out") for name in plain])
    with pytest.raises(Unsafe, match=f"{key} lets others reach this server"):
        fence.check_exposure(config.from_mapping(tree), facts)
    accepted = {**tree, "egress": {"exposed_without_kernel_guard": "accept-the-risk"}}
    settings = config.from_mapping(accepted)
    assert "EXPOSED WITHOUT KERNEL GUARD" in fence.check_exposure(settings, facts)
    assert [each.key for each in relaxed(settings)] == ["egress.exposed_without_kernel_guard"]
    monkeypatch.setattr(fence, "try_kernel", lambda: [Tried(name, "kernel") for name in plain])
    assert fence.check_exposure(config.from_mapping(tree), facts) == ""
    assert facts.detail("egress")["level"] == 2


@pytest.mark.parametrize("tree", [{}, LAPTOP])
def test_a_laptop_that_nobody_else_reaches_starts_without_the_kernels_rules(
    tree: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "try_kernel", lambda: pytest.fail("nothing is exposed"))
    assert fence.check_exposure(config.from_mapping(tree), Facts(Still())) == ""


def test_a_process_that_fails_stays_named_until_it_passes_itself() -> None:
    said: list[Event] = []
    set_sink(said.append)
    try:
        facts = Facts(Still())
        assert fence.note(facts, "w1", [Tried("ntp", "out")]) == ("ntp",)
        fence.note(facts, "w2", [Tried("ntp", "guard")])
        assert facts.result("egress") == "fail"
        fence.note(facts, "w1", [Tried("ntp", "guard")])
        assert facts.result("egress") == "pass"
    finally:
        set_sink(None)
    assert [event.record()["out"] for event in said] == [1, 0, 0]


def test_a_fact_grows_old_and_one_that_nobody_tested_says_so() -> None:
    clock = Still()
    facts = Facts(clock)
    facts.tested("egress", "pass", level=1)
    clock.at_ms += 90_000
    report = facts.report()
    assert report["egress"]["age_s"] == 90
    assert report["audit"] == {"result": "not_tested"}


@pytest.mark.parametrize(
    ("tree", "keys"),
    [
        ({}, []),
        ({"log": {"text": "redacted"}}, ["log.text"]),
        # on loopback nothing is exposed, whatever was accepted
        ({"egress": {"exposed_without_kernel_guard": "accept-the-risk"}}, []),
    ],
)
def test_relaxed_settings_are_named(tree: dict[str, object], keys: list[str]) -> None:
    assert [each.key for each in relaxed(config.from_mapping(tree))] == keys
