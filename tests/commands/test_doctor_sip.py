"""`wardline doctor sip` finds what would keep a first telephone call away."""

from __future__ import annotations

import datetime
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.commands import tls
from pipeline.commands.check_config import narrow_range
from pipeline.commands.doctor_sip import examine
from pipeline.machine.finding import Finding
from pipeline.settings import Settings
from pipeline.telephone_settings import Sip, Trunk
from tests.ports import free_port, free_ports

pytestmark = pytest.mark.wire

NOW = datetime.datetime.now(datetime.UTC)
TRUNK = Trunk(name="carrier", signalling=("127.0.0.1/32",), media=("127.0.0.1/32",))


def settings(folder: Path, **sip: object) -> Settings:
    """A server with one trunk and a certificate made a moment ago."""
    tls.make(folder, ["localhost"], NOW)
    made = Sip(cert=str(folder / tls.CERT), key=str(folder / tls.KEY), tls_port=0)
    return Settings(sip=replace(made, **sip), trunk=(TRUNK,))  # type: ignore[arg-type]  # the test names fields


def verdicts(of: Settings) -> dict[str, str]:
    """Each thing looked at, and how it was found."""
    return {finding.name: finding.verdict for finding in examine(of)}


def sound_ports(of: Settings) -> Finding:
    """What is found of the ports for sound; nothing behind it is looked at."""
    return next(finding for finding in examine(of) if finding.name == "rtp ports")


def test_without_a_trunk_nothing_is_ready() -> None:
    assert verdicts(Settings())["trunk"] == "fail"


@pytest.mark.parametrize(
    ("srtp", "network", "verdict"),
    [
        ("required", "10.0.0.5/32", "pass"),
        ("optional", "10.0.0.5/32", "warn"),
        ("optional", "127.0.0.1/32", "pass"),
    ],
)
def test_a_trunk_whose_sound_can_be_overheard_is_named(
    srtp: str, network: str, verdict: str
) -> None:
    trunk = replace(TRUNK, name="pbx", srtp=srtp, media=(network,))
    found = next(each for each in examine(Settings(trunk=(trunk,))) if each.name == "trunk srtp")
    assert found.verdict == verdict
    assert ("pbx" in found.message) is (verdict == "warn")


def test_a_certificate_of_one_s_own_authority_is_told_as_one(tmp_path: Path) -> None:
    found = verdicts(settings(tmp_path, tls_port=free_port()))
    assert found["sip certificate"] == "pass"
    assert found["certificate chain"] == "warn"
    assert found["sip name"] == "pass"
    assert "fail" not in found.values()


def test_a_call_to_itself_is_answered_over_tls_and_the_tone_comes_back(tmp_path: Path) -> None:
    assert verdicts(settings(tmp_path, tls_port=free_port()))["call to itself"] == "pass"


def test_without_tls_the_call_to_itself_goes_over_udp(tmp_path: Path) -> None:
    found = {each.name: each for each in examine(settings(tmp_path))}["call to itself"]
    assert found.verdict == "pass"
    assert "not encrypted" in found.message


def test_a_certificate_that_is_no_match_fails_the_call_to_itself(tmp_path: Path) -> None:
    of = settings(tmp_path, tls_port=free_port())
    tls.make(tmp_path, ["localhost"], NOW - datetime.timedelta(days=4_000))
    assert verdicts(of)["call to itself"] == "fail"


def test_a_name_that_leads_elsewhere_is_told(tmp_path: Path) -> None:
    of = settings(tmp_path, tls_port=free_port(), advertised_address="192.0.2.7")
    assert verdicts(of)["sip name"] == "warn"


def test_a_certificate_for_a_pattern_is_judged_by_a_host_below_it(tmp_path: Path) -> None:
    of = settings(tmp_path, tls_port=free_port())
    tls.make(tmp_path, ["*.clinic.example"], NOW)
    found = {each.name: each for each in examine(of)}
    assert found["certificate chain"].verdict == "warn"
    assert found["sip name"].message.startswith("nothing to look up")
    assert found["call to itself"].verdict == "pass"


@pytest.mark.parametrize("fault", ["missing", "another key", "expired", "garbage"])
def test_a_certificate_that_cannot_serve_fails(tmp_path: Path, fault: str) -> None:
    of = settings(tmp_path, tls_port=free_port())
    if fault == "missing":
        of = replace(of, sip=replace(of.sip, cert="", key=""))
    elif fault == "another key":
        (tmp_path / "other").mkdir()
        tls.make(tmp_path / "other", ["localhost"], NOW)
        shutil.copy(tmp_path / "other" / tls.KEY, tmp_path / tls.KEY)
    elif fault == "expired":
        tls.make(tmp_path, ["localhost"], NOW - datetime.timedelta(days=4_000))
    else:
        (tmp_path / tls.CERT).write_text("no certificate")
    assert verdicts(of)["sip certificate"] == "fail"


@pytest.mark.parametrize("way", ["tls", "tcp", "udp"])
def test_a_port_in_use_fails_and_says_which_setting(tmp_path: Path, way: str) -> None:
    kind = socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if way != "udp":
            taken.listen()
        of = settings(tmp_path, **{f"{way}_port": taken.getsockname()[1]})
        assert verdicts(of)[f"sip.{way}_port"] == "fail"


@pytest.mark.parametrize(
    ("pairs", "calls_max", "transfer", "verdict"),
    [
        (8, 0, "refer", "pass"),  # twice the four lines of a worker
        (7, 0, "refer", "fail"),
        (8, 0, "bridge", "fail"),
        (16, 0, "bridge", "pass"),
        (3, 3, "refer", "pass"),
        (5, 3, "bridge", "fail"),
    ],
)
def test_the_ports_for_sound_are_counted_in_pairs_for_every_call_that_may_come(
    tmp_path: Path, pairs: int, calls_max: int, transfer: str, verdict: str
) -> None:
    first = free_ports(2 * pairs)
    narrow = settings(
        tmp_path, rtp_port_min=first, rtp_port_max=first + 2 * pairs - 1, calls_max=calls_max
    )
    of = replace(narrow, trunk=(replace(TRUNK, transfer=transfer),))
    assert sound_ports(of).verdict == verdict
    assert len(list(narrow_range(of))) == (verdict == "fail")


def test_a_port_that_is_half_of_no_free_pair_does_not_count(tmp_path: Path) -> None:
    first = free_ports(6)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first + 1))
        of = settings(tmp_path, rtp_port_min=first, rtp_port_max=first + 5, calls_max=3)
        found = sound_ports(of)
    assert found.verdict == "fail"
    assert "2 free pairs" in found.message
