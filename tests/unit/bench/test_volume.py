"""The results of `make volume`."""

from pathlib import Path

from bench.volume import results
from bench.volume.plans import Changes, Plans
from bench.volume.results import Figure, Result
from tests.integration.storage.test_plans import CASES, Plan

RESULT = Result(
    at="2026-01-02",
    commit="abc1234",
    machine="2 × Processor, Linux",
    load=1.5,
    postgres="18.0",
    accounts=10_000,
    conversations=1_000_000,
    messages=20_000_000,
    largest=1_000_000,
    runs=1_250_000,
    gigabytes=12.34,
    minutes=9.6,
    figures=[
        Figure(name="send, p99, ratio of a pair", value=1.21, unit=" ×", target=1.3),
        Figure(name="history page, p99", value=12.5, unit=" ms", target=10),
        Figure(name="a message with its indexes", value=512.4, unit=" B"),
    ],
)
FIRST = (CASES[0][0], 0, "force_generic_plan")


def plan(rows: float = 1, ways: str = "messages:messages_pkey", sequential: tuple[str, ...] = ()) -> Plan:
    return Plan(sequential=list(sequential), rows=rows, ways=ways, milliseconds=1)


def changes(after: Plan) -> Changes:
    before: Plans = {FIRST: plan()}
    return Changes(before, {FIRST: after})


def test_stored_result_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    results.write(RESULT, file)
    assert results.read(file) == RESULT


def test_table_shows_size_figures_and_verdicts() -> None:
    table = results.table(RESULT)
    assert table.startswith(
        "20,000,000 messages in 1,000,000 conversations of 10,000 accounts, the largest one with 1,000,000"
    )
    assert "| send, p99, ratio of a pair | 1.21 × | ≤ 1.3 ×: met |" in table
    assert "| history page, p99 | 12.5 ms | ≤ 10 ms: not met |" in table
    assert "| a message with its indexes | 512 B |  |" in table


def test_unchanged_plan_is_not_reported() -> None:
    found = changes(plan())
    assert (found.sequential, found.beyond, found.other) == ([], [], [])
    assert [figure.value for figure in found.figures()] == [1, 0, 0, 0]


def test_changed_plans_are_reported_by_their_query() -> None:
    name = f"{CASES[0][0]}-0 generic"
    assert changes(plan(sequential=("messages",))).sequential == [name]
    assert changes(plan(rows=CASES[0][2] + 1)).beyond == [f"{name} ({CASES[0][2] + 1} > {CASES[0][2]})"]
    other = changes(plan(ways="messages:Seq Scan")).other
    assert other == [f"{name} (messages:messages_pkey → messages:Seq Scan)"]


def test_stored_figures_are_of_large_tables() -> None:
    assert results.read().messages > 1_000_000
