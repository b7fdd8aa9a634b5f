"""Alerts and dashboard name metrics that there are, each alert leads to a procedure that loads, and the figures are right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.web.metrics import DOORS, WATCHED, Metrics
from bot.answering.emergency import Gate
from bot.app.procedure_files import vocabulary
from bot.content import Faults, packaged_shelf
from bot.organisation import load_organisation
from bot.procedures.library import read_procedures
from tests.fakes.web import Fixture

FOLDER = Path(__file__).parents[2] / "manifest" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
BOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
NAMED = re.compile(r"\bsecdesk_[a-z0-9_]+\b")
WORDS = frozenset(
    {"up", "job", "min", "max", "sum", "by", "le", "door", "code", "state", "severity", "kind", "verdict", "channel",
     "outcome", "increase", "rate", "histogram_quantile", "time", "offset", "or", "absent", "xx", "failed", "secdesk"}
)  # fmt: skip


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in BOARD["panels"] for target in panel["targets"])


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def there() -> set[str]:
    """Names of series, as the exposition has them."""
    metrics = Metrics()
    found = set()
    for family in metrics.registry.collect():
        found.add(family.name)
        found |= (
            {f"{family.name}_{end}" for end in ("total", "bucket", "sum", "count")} if family.type != "gauge" else set()
        )
    return found


def test_every_metric_that_is_named_is_there() -> None:
    named = {name for text in expressions() for name in NAMED.findall(text)}
    assert [] == sorted(named - there())
    assert {f"secdesk_{name}" for name in WATCHED} <= named  # and nothing is measured that nobody looks at


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_has_what_prometheus_wants(rule: dict[str, Any]) -> None:
    assert {"alert", "expr", "for", "labels", "annotations"} == set(rule)
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[smhd]", rule["for"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "runbook"} == set(rule["annotations"])


@pytest.mark.parametrize("text", sorted(set(expressions())))
def test_an_expression_is_balanced_and_uses_only_known_words(text: str) -> None:
    bare = re.sub(r'"[^"]*"', '""', text)
    for first, last in ("()", "[]", "{}"):
        assert bare.count(first) == bare.count(last)
    words = set(re.findall(r"[a-z_][a-z0-9_]*", re.sub(r"\[\d+[smhd]\]|\b\d+[smhd]\b", "", bare))) - set(
        NAMED.findall(bare)
    )
    assert set() == words - WORDS
    assert set() == set(re.findall(r"rate\((\w+)", text)) - there()


def test_names_of_alerts_are_one_each() -> None:
    names = [rule["alert"] for rule in RULES]
    assert sorted(set(names)) == sorted(names)


def test_each_alert_is_tried_quiet_and_ringing() -> None:
    tried = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text())["tests"]
    cases = [case for test in tried for case in test["alert_rule_test"]]
    rings = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in tried[0]["alert_rule_test"] if not case.get("exp_alerts")}
    names = {rule["alert"] for rule in RULES}
    assert (names, names) == (rings, silent)


@pytest.mark.slow
def test_prometheus_own_tool_agrees() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not there (Debian: package prometheus): alerts were not tried by Prometheus' own tool")
    for command in (["check", "rules", "alerts.yaml"], ["check", "config", "--syntax-only", "prometheus.yaml"],
                    ["test", "rules", "alerts.test.yaml"]):  # fmt: skip
        done = subprocess.run([tool, *command], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_leads_to_a_procedure_that_loads() -> None:
    faults = Faults()
    shelf = packaged_shelf()
    organisation = load_organisation(shelf, faults)
    assert organisation is not None
    library = read_procedures(shelf, vocabulary(organisation, Gate(shelf).kinds), faults)
    published = {pinned.procedure.id for pinned in library.published()}
    assert ([], set()) == (faults.found, {rule["annotations"]["runbook"] for rule in RULES} - published)


def test_panels_do_not_lie_over_each_other() -> None:
    cells = [
        (x, y)
        for panel in BOARD["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(x < 24 for x, _ in cells)


def test_errors_are_counted_by_door() -> None:
    metrics = Metrics()
    for path in ("/", "/console/queue", "/api/v1/tickets", "/api/messages", "/slack/events", "/scim/v2/Users"):
        metrics.answered(path, 503)
        metrics.answered(path, 200)
    text = metrics.text().decode()
    for door in DOORS:
        assert f'secdesk_http_responses_total{{code="5xx",door="{door}"}} 1.0' in text
        assert f'secdesk_http_responses_total{{code="2xx",door="{door}"}} 1.0' in text


def test_what_is_watched_is_shown_and_a_database_that_is_away_too() -> None:
    metrics = Metrics()
    metrics.watch({"outbox_oldest_seconds": 12.0, "tickets_overdue": {"S2": 3.0}})
    text = metrics.text().decode()
    assert "secdesk_outbox_oldest_seconds 12.0" in text
    assert 'secdesk_tickets_overdue{severity="S2"} 3.0' in text
    assert "secdesk_database_up 1.0" in text
    metrics.watch(None)
    assert "secdesk_database_up 0.0" in metrics.text().decode()
    metrics.watch({"tickets_overdue": {"S1": 1.0}})
    assert 'severity="S2"' not in metrics.text().decode()
