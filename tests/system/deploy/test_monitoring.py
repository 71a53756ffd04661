"""What watches the desk: Prometheus' alerts and Grafana's dashboard, on metrics that there are and no others."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase

from hummdesk.core import metrics
from tests.system.deploy.documents import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = PROMETHEUS / "alerts.yml"
CASES = ROOT / "tests" / "deploy" / "alerts.test.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "hummdesk.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool on the PATH")

TARGET_LABELS = {"instance", "job", "process"}
"""What prometheus.yml puts on every series."""
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def series() -> dict[str, set[str]]:
    """The names under which our metrics are asked for, each with its labels."""
    found = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    return {
        metric._name + suffix: {*metric._labelnames, *(["le"] if suffix == "_bucket" else [])}
        for metric in found
        for suffix in SUFFIXES[metric._type]
    }


def expressions() -> dict[str, str]:
    """Every query in rules and dashboard, by where it is; and, of the alerts' tests, the series they make up."""
    panels = {f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]}
    rules = re.findall(r"- alert: (\w+)\n\s+expr: (?:>-\n)?(.+?)\n\s+(?:for|labels):", ALERTS.read_text(), re.DOTALL)
    made_up = re.findall(r"- series: '(.+)'", CASES.read_text())
    return panels | dict(rules) | {f"test {number}": one for number, one in enumerate(made_up)}


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", ALERTS.read_text())


def test_every_alert_has_its_expression_read_here() -> None:
    assert set(alerts()) <= set(expressions())
    assert len(alerts()) >= 9


@pytest.mark.parametrize("place", expressions())
def test_a_query_asks_for_metrics_and_labels_that_there_are(place: str) -> None:
    expression = expressions()[place]
    known = series()
    asked = re.findall(r"\b(hummdesk_\w+|up)\b(?:\{([^}]*)\})?", expression)
    assert asked
    labels: set[str] = set()
    for name, selector in asked:
        own = known[name] if name != "up" else set()
        assert set(re.findall(r'(\w+)(?:=|!=|=~|!~)"', selector)) <= own | TARGET_LABELS
        labels |= own
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(grouped.replace(" ", "").split(",")) <= labels | TARGET_LABELS


def test_the_dashboard_shows_every_metric_once_at_least() -> None:
    shown = {name for panel in PANELS for one in panel["targets"] for name in re.findall(r"hummdesk_\w+", one["expr"])}
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert bare == {re.sub(r"_(bucket|count|sum)$", "", name) for name in series()}


def test_no_panel_of_the_dashboard_lies_on_another() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_the_legend_of_a_panel_names_labels_that_its_query_leaves() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            left = re.search(r"\bby \(([^)]*)\)", target["expr"])
            labels = set(left[1].replace(" ", "").split(",")) if left else set()
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels, panel["title"]


def test_every_alert_is_made_to_fire_and_to_stay_silent() -> None:
    cases = CASES.read_text()
    for alert in alerts():
        assert re.search(rf"alertname: {alert}\n\s+exp_alerts:", cases), f"{alert} never fires"
        assert re.search(rf"alertname: {alert}}}", cases), f"{alert} is never silent"


def test_prometheus_asks_the_processes_of_the_compose_file() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    targets = re.findall(r'"([\w-]+):(\d+)"', (PROMETHEUS / "prometheus.yml").read_text())
    assert [name for name, _ in targets] == ["web-1", "web-2", "worker", "relay"]
    for name, port in targets:
        assert re.search(rf"^  {name}:", compose, re.MULTILINE)
        assert f'{"PORT" if name.startswith("web") else "METRICS_PORT"}: "{port}"' in compose


def test_the_troubleshooting_knows_every_alert() -> None:
    section = (ROOT / "README.md").read_text().partition("## Troubleshooting")[2].partition("\n## ")[0]
    assert [alert for alert in alerts() if f"`{alert}`" not in section] == []


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", ALERTS), ("check", "config", PROMETHEUS / "prometheus.yml"), ("test", "rules", CASES)],
    ids=["rules", "configuration", "alerts"],
)
def test_promtool_agrees(arguments: tuple[str | Path, ...]) -> None:
    assert PROMTOOL is not None
    said = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=50)
    assert said.returncode == 0, said.stdout + said.stderr
