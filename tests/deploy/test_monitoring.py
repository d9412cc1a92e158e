"""Boards and alerts: generated files are current, rules pass promtool, every alert has its two cases and its entry."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.metrics.dashboards import BOARDS, dashboard, files
from stream.metrics.gateway import GatewayMetrics
from stream.metrics.worker import PrometheusObserver

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES: Any = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
CASES: Any = yaml.safe_load((DEPLOY / "prometheus" / "rules.test.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
QUERIES = [query for board in BOARDS for panel in board.panels for query in panel.queries.values()]
EXPRESSIONS = [*QUERIES, *(rule["expr"] for group in RULES["groups"] for rule in group["rules"])]
SUFFIX = re.compile(r"_(total|bucket|count|sum)$")


def declared() -> set[str]:
    """Names of all metrics of worker and gateway, without suffixes."""
    nothing = dict.fromkeys(("slates", "items", "listeners", "waiting", "held_bytes", "evicted", "ready"), float)
    registries = (PrometheusObserver(("ranked",)).registry, GatewayMetrics(nothing).registry)
    return {family.name for registry in registries for family in registry.collect() if "headwater" in family.name}


def named(expressions: list[str]) -> set[str]:
    found = {name for text in expressions for name in re.findall(r"headwater_[a-z0-9_]+", text)}
    return {SUFFIX.sub("", name) if SUFFIX.sub("", name) in declared() else name for name in found}


def test_boards_are_current() -> None:
    for path, text in files().items():
        assert path.read_text() == text, "run `python -m stream.metrics.dashboards`"
    assert {path.name for path in (DEPLOY / "grafana" / "boards").iterdir()} == {path.name for path in files()}


def test_every_metric_is_used_and_every_used_one_declared() -> None:
    assert named(EXPRESSIONS) == declared()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_newcomer_can_read_a_board(board: Any) -> None:
    made = dashboard(board)
    assert len({panel["title"] for panel in made["panels"]}) == len(made["panels"])
    assert len(made["links"]) == len(BOARDS) - 1
    for panel in made["panels"]:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]
    assert len(set(places)) == len(places)
    json.dumps(made)


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_has_an_entry_and_two_cases(alert: str) -> None:
    rule = ALERTS[alert]
    runbook = (DEPLOY / "README.md").read_text()
    assert rule["annotations"]["runbook_url"] == f"deploy/README.md#{alert.lower()}"
    assert re.search(rf"^### {alert}$", runbook, re.MULTILINE)
    cases = {case["name"] for case in CASES["tests"]}
    assert {f"{alert} fires", f"{alert} is quiet"} <= cases
    assert rule["labels"]["severity"] in ("critical", "warning", "info")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)")
@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yml"), ("test", "rules", "rules.test.yml")])
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=DEPLOY / "prometheus", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
