"""The Prometheus alerts and the Grafana dashboard: valid, tested, and based on existing metrics only."""

import json
import re
import shutil
import subprocess
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase

from docs.generate import ROOT
from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.errors import HummDeskError

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = PROMETHEUS / "alerts.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"
CASES = Path(__file__).with_name("alerts.test.yml")
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "hummdesk.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on the PATH")

TARGET_LABELS = {"instance", "job", "process"}
"""The labels that prometheus.yml adds to every series."""
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def series() -> dict[str, set[str]]:
    """Return the names of all series with their labels."""
    found = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    return {
        metric._name + suffix: {*metric._labelnames, *(["le"] if suffix == "_bucket" else [])}
        for metric in found
        for suffix in SUFFIXES[str(metric._type)]
    }


def expressions() -> dict[str, str]:
    """Return every query of the rules and the dashboard, and the input series of the alert tests, by place."""
    panels = {f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]}
    rules = re.findall(r"- alert: (\w+)\n\s+expr: (?:>-\n)?(.+?)\n\s+(?:for|labels):", ALERTS.read_text(), re.DOTALL)
    inputs = re.findall(r"- series: '(.+)'", CASES.read_text())
    return panels | dict(rules) | {f"test {number}": one for number, one in enumerate(inputs)}


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", ALERTS.read_text())


def test_expressions_include_every_alert() -> None:
    assert set(alerts()) <= set(expressions())
    assert len(alerts()) >= 9


@pytest.mark.parametrize("place", expressions())
def test_query_uses_existing_metrics_and_labels(place: str) -> None:
    expression = expressions()[place]
    known = series()
    used = re.findall(r"\b(hummdesk_\w+|up)\b(?:\{([^}]*)\})?", expression)
    assert used
    labels: set[str] = set()
    for name, selector in used:
        own = known[name] if name != "up" else set()
        assert set(re.findall(r'(\w+)(?:=|!=|=~|!~)"', selector)) <= own | TARGET_LABELS
        labels |= own
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(grouped.replace(" ", "").split(",")) <= labels | TARGET_LABELS


def test_dashboard_shows_every_metric() -> None:
    shown = {name for panel in PANELS for one in panel["targets"] for name in re.findall(r"hummdesk_\w+", one["expr"])}
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert bare == {re.sub(r"_(bucket|count|sum)$", "", name) for name in series()}


def test_dashboard_panels_do_not_overlap() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_panel_legend_uses_labels_of_its_query() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            left = re.search(r"\bby \(([^)]*)\)", target["expr"])
            labels = set(left[1].replace(" ", "").split(",")) if left else set()
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels, panel["title"]


def test_every_alert_has_a_firing_and_a_silent_case() -> None:
    cases = CASES.read_text()
    for alert in alerts():
        assert re.search(rf"alertname: {alert}\n\s+exp_alerts:", cases), f"{alert} has no firing case"
        assert re.search(rf"alertname: {alert}}}", cases), f"{alert} has no silent case"


def test_prometheus_targets_match_the_compose_file() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    targets = re.findall(r'"([\w-]+):(\d+)"', (PROMETHEUS / "prometheus.yml").read_text())
    assert [name for name, _ in targets] == ["web-1", "web-2", "worker", "relay"]
    for name, port in targets:
        assert re.search(rf"^  {name}:", compose, re.MULTILINE)
        assert f'{"PORT" if name.startswith("web") else "METRICS_PORT"}: "{port}"' in compose


def test_every_alert_is_documented_with_its_action() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| \w+ \| .+", page, re.MULTILINE)
    assert [alert for alert in alerts() if alert not in rows] == []


def test_every_alert_leads_to_its_section_of_the_runbook() -> None:
    runbook = RUNBOOK.read_text()
    sections = re.findall(r"^## (\w+)\n\n\*\*Noticed:\*\* .+?\n\n1\. ", runbook, re.MULTILINE | re.DOTALL)
    urls = re.findall(r"- alert: (\w+)\n.*?runbook_url: \"(\S+)\"\n", ALERTS.read_text(), re.DOTALL)
    assert sections == re.findall(r"^## (.+)$", runbook, re.MULTILINE) == alerts()
    assert urls == [(alert, f"docs/runbook.md#{alert.lower()}") for alert in alerts()]


def test_runbook_names_existing_metrics_events_settings_and_commands() -> None:
    runbook = RUNBOOK.read_text()
    code = "".join(path.read_text() for folder in ("hummdesk", "tasks") for path in (ROOT / folder).rglob("*.py"))
    commands = re.findall(r"^## (hummdesk .+)$", (ROOT / "docs/reference/command-line.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"`([^`\n]+)`", runbook))
    settings = {name for name in named if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name)}
    events = {name for name in named if re.fullmatch(r"[a-z_]+\.[a-z_]+", name)}
    assert len(settings) > 5
    codes = {error.code for error in HummDeskError.__subclasses__()} | {HummDeskError.code}
    assert settings - codes <= {entry.name.upper() for entry in fields(Settings)}
    assert len(events) > 5
    assert [name for name in events if f'"{name}"' not in code] == []
    assert {name for name in named if name.startswith("hummdesk_")} <= set(series())
    called = {re.split(r" --?\w", name)[0] for name in named if name.startswith("hummdesk ")}
    assert called <= set(commands)


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", ALERTS), ("test", "rules", CASES)],
    ids=["rules", "alerts"],
)
def test_promtool_accepts_file(arguments: tuple[str | Path, ...]) -> None:
    assert PROMTOOL is not None
    result = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=150)
    assert result.returncode == 0, result.stdout + result.stderr


@needs_promtool
def test_promtool_accepts_the_configuration_beside_a_file_with_the_token(tmp_path: Path) -> None:
    for file in PROMETHEUS.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "metrics_token").write_text("a token of the monitoring")
    test_promtool_accepts_file(("check", "config", tmp_path / "prometheus.yml"))
