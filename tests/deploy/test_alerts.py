"""The shipped alerts, by Prometheus's own tool: each fires and each is quiet, on numbers that this server shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.metrics.families import FAMILIES, Kind
from tests.deploy.recipes import ROOT

RULES = ROOT / "deploy/prometheus/wardline.rules.yml"
TESTS = ROOT / "deploy/prometheus/wardline.rules.test.yml"
PAGE = ROOT / "docs/operations.md"


def promtool(*words: str, folder: Path = RULES.parent) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "apt-get install --no-install-recommends prometheus"
    return subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, cwd=folder
    )


def rules() -> list[dict[str, Any]]:
    loaded = YAML(typ="safe").load(RULES.read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


ALERTS = [rule["alert"] for rule in rules()]


def series() -> dict[str, set[str]]:
    """Every name a scrape may hold, with its labels."""
    found: dict[str, set[str]] = {}
    for family in FAMILIES:
        labels = set(family.labels)
        if family.kind is Kind.HISTOGRAM:
            found |= {f"{family.name}_bucket": labels | {"le"}}
            found |= {f"{family.name}_{end}": labels for end in ("count", "sum")}
        else:
            found[family.name] = labels
    return found


@pytest.mark.wire
def test_prometheus_takes_the_rules_and_each_alert_does_what_its_tests_say() -> None:
    for words in (("check", "rules", RULES.name), ("test", "rules", TESTS.name)):
        done = promtool(*words)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.wire
def test_an_alert_that_does_not_fire_any_more_is_noticed(tmp_path: Path) -> None:
    broken = RULES.read_text()
    (tmp_path / TESTS.name).write_text(TESTS.read_text())
    alerts = ("WardlineCertificateEnds", "WardlineUrgentCallUnanswered")
    for alert in alerts:
        broken = re.sub(rf"(alert: {alert}\n +expr: .*)", r"\1 and on () vector(1) == 2", broken)
    (tmp_path / RULES.name).write_text(broken)
    done = promtool("test", "rules", TESTS.name, folder=tmp_path)
    assert done.returncode != 0
    said = set(re.findall(r"Wardline\w+", done.stdout + done.stderr))
    assert said == set(alerts)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_case_that_fires_and_one_that_does_not(alert: str) -> None:
    cases = YAML(typ="safe").load(TESTS.read_text())["tests"]
    asked = [case for case in cases if alert in case["promql_expr_test"][0]["expr"]]
    samples = [case["promql_expr_test"][0]["exp_samples"] for case in asked]
    assert sorted(samples, key=len) == [[], [{"value": 1}]]
    for case in asked:
        values = [each["values"] for each in case["input_series"]]
        assert all(re.search(r"x[0-9]+\Z", each) for each in values), "no numbers at the end"


def test_alerts_ask_for_numbers_and_labels_that_the_server_has() -> None:
    known = series()
    texts = [rule["expr"] for rule in rules()]
    texts += re.findall(r"series: '([^']+)'", TESTS.read_text())
    for text in texts:
        for name, given in re.findall(r"(wardline_[a-z_]+)(\{[^}]*\})?", text):
            assert name in known, name
            labels = set(re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", given)) - {"instance", "job"}
            assert labels <= known[name], (name, labels)


def test_each_alert_says_what_to_do_and_stands_on_the_page() -> None:
    page = PAGE.read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "action"}
        assert f"`{rule['alert']}`" in page, rule["alert"]


def test_every_number_stands_on_the_page_and_the_page_names_no_other() -> None:
    page = PAGE.read_text()
    named = set(re.findall(r"`(wardline_[a-z_]+)`", page))
    assert named == {family.name for family in FAMILIES}
