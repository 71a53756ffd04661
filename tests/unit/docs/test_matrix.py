"""The table of engines and the arithmetic, from a report of pytest."""

import json
from pathlib import Path

import pytest

from docs import matrix, sizing
from docs.matrix import Group
from docs.sizing import Figures

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.docs.test_matrix" name="test_one" time="1.5"><properties>
<property name="engine" value="Redis 7.0.15 as a cluster"/><property name="figure" value="failover: 1 s | more"/>
</properties></testcase>
<testcase classname="tests.unit.docs.test_matrix" name="test_two" time="0.5"><properties>
<property name="engine" value="Redis 7.0.15 as a cluster"/></properties><failure message="no"/></testcase>
<testcase classname="tests.unit.docs.test_matrix" name="test_three" time="0"><properties>
<property name="engine" value="Redis 7.0.15 as a cluster"/></properties><skipped message="no redis"/></testcase>
<testcase classname="tests.unit.docs.test_matrix" name="test_four" time="1"><properties>
<property name="engine" value="HAProxy 2.6.12"/><property name="sizing" value="{&quot;read_us&quot;: 1.5}"/>
</properties></testcase>
</testsuite></testsuites>"""
FIGURES = Figures(
    messages_per_second=100,
    first_node_us={"1": 900.0, "2": 900.0, "4": 910.0},
    second_node_us={"2": 300.0, "4": 300.0},
    redis_us={"1": 100.0, "2": 120.0, "4": 160.0},
    postgresql_us={"1": 1000.0, "2": 1000.0, "4": 1000.0},
    relay_us={"1": 200.0, "2": 200.0, "4": 200.0},
    proxy_us={"1": 50.0, "2": 60.0, "4": 80.0},
    accept_us=600.0,
    read_us=100.0,
    delivery_us=20.0,
    connect_us=1000.0,
    idle_ms=2.0,
    socket_bytes=10_240.0,
    node_bytes=100 * 2.0**20,
)


def test_report_is_counted_by_file_and_engines(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    results = matrix.read_reports(tmp_path / "report.xml")
    haproxy, redis = results.groups
    assert haproxy == Group("tests/unit/docs/test_matrix.py", ["HAProxy 2.6.12"], passed=1, seconds=1.0)
    assert (redis.passed, redis.failed, redis.skipped) == (1, 1, {"no redis": 1})
    assert redis.figures == ["failover: 1 s | more"]
    assert results.sizing == {"read_us": 1.5}


def test_written_results_are_read_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    results = matrix.read_reports(tmp_path / "report.xml")
    matrix.write(results, tmp_path / "matrix.json")
    assert matrix.read(tmp_path / "matrix.json") == results
    monkeypatch.setattr(matrix, "read", lambda: results)
    row = matrix.table().splitlines()[-1]
    assert row == (
        "| Redis 7.0.15 as a cluster "
        "| The table of engines and the arithmetic, from a report of pytest (`tests/unit/docs/test_matrix.py`) "
        "| 1 passed, 1 FAILED, 1 skipped: no redis | failover: 1 s \\| more |"
    )


def test_results_of_a_part_of_the_tests_replace_no_others(tmp_path: Path) -> None:
    whole, part, file = tmp_path / "whole.xml", tmp_path / "part.xml", tmp_path / "matrix.json"
    whole.write_text(REPORT)
    repeated = '<testcase classname="tests.unit.docs.test_matrix" name="test_two" time="1"/>'
    part.write_text(f"<testsuites><testsuite>{repeated}</testsuite></testsuites>")
    matrix.write(matrix.read_reports(whole), file)
    before = file.read_text()
    with pytest.raises(SystemExit, match=r"unchanged, because fewer tests have run .* of tests/unit/docs/test_matrix"):
        matrix.renew(part, file=file)
    assert file.read_text() == before
    matrix.renew(whole, part, file=file)
    assert [(group.passed, group.failed) for group in matrix.read(file).groups] == [(1, 0), (1, 0), (1, 0)]


def test_results_of_removed_files_are_not_missed() -> None:
    def of(file: str) -> matrix.Results:
        return matrix.Results("now", "3.11", "here", 1.0, [Group(file, [], passed=1)], {})

    assert matrix.missing(of("docs/matrix.py"), of("docs/gone.py")) == []
    assert matrix.missing(of("docs/matrix.py"), of("docs/sizing.py")) == ["docs/sizing.py"]


def test_further_nodes_cost_redis_what_was_measured_for_each() -> None:
    assert FIGURES.reader_us == 20
    assert FIGURES.redis_us_at(1) == 100
    assert FIGURES.redis_us_at(4) == FIGURES.redis_us["4"]
    assert FIGURES.redis_us_at(100) == 2080


def test_further_nodes_share_the_messages_and_read_all() -> None:
    assert FIGURES.node_us(1) == 600 + 10 * 20 + 100
    assert FIGURES.node_us(100) == 8 + 100


def test_tables_contain_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "figures", lambda: FIGURES)
    assert sizing.capacity_table().splitlines()[-1] == "| 100 | 9,259 | 481 | 7,692 | 1,000 | 5,000 |"
    assert "| core of a node | 18% |" in sizing.million_table()
    assert "| memory of a node | 198 MiB, and the buffers |" in sizing.million_table()


def test_committed_results_are_whole() -> None:
    """Each figure of the page was measured, and no test has failed."""
    found = json.loads(matrix.FILE.read_text())
    assert set(found["sizing"]) == set(Figures.__dataclass_fields__)
    assert [group.file for group in matrix.read().groups if group.failed] == []
