"""Times and reports of `ai simulate`."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hummdesk.core.errors import CommandError
from hummdesk.core.ids import new_id
from hummdesk.operator.simulations import KNOWLEDGE_OF_NOW, moment, report
from hummdesk.storage.simulations import Simulation

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
FIGURES = {"questions": 4, "drafted": 2, "failed": 0, "facts": 3, "keptFacts": 2, "otherFacts": 1, "costUsd": 0.25}
FIGURES |= {"withFacts": 2, "withAllFacts": 1, "editDistance": 0.5, "draftWords": 40.0, "replyWords": 52.4}
POINT = {"minConfidence": 0.5, "questions": 4, "drafted": 1, "facts": 2, "keptFacts": 2}
POINT |= {"withFacts": 1, "withAllFacts": 1}


def test_range_begins_days_hours_or_weeks_ago_or_at_a_date() -> None:
    begins = [moment(text, now=NOW) for text in ("30d", "12h", "1w", "2026-03-01", "2026-03-01T10:00:00+02:00")]
    assert [f"{one.astimezone(UTC):%m-%d %H}" for one in begins] == [
        "03-01 12",
        "03-31 00",
        "03-24 12",
        "03-01 00",
        "03-01 08",
    ]


@pytest.mark.parametrize("text", ["", "30", "-1d", "30 d", "soon"])
def test_other_text_is_no_begin(text: str) -> None:
    with pytest.raises(CommandError, match="neither like 30d"):
        moment(text)


def test_report_has_tables_of_counts_and_says_what_the_knowledge_was() -> None:
    simulation = Simulation(
        id=new_id(),
        status="failed",
        since=NOW,
        max_conversations=10,
        max_dollars=Decimal(1),
        provider=None,
        conversations=3,
        questions=4,
        completed=4,
        cost_usd=Decimal("0.25"),
        unpriced=0,
        error="Too expensive",
        created_at=NOW,
        finished_at=NOW,
        batch_at=NOW,
    )
    lines = report(
        simulation,
        {
            "total": FIGURES,
            "categories": [{"category": "billing"} | FIGURES],
            "sources": [{"kind": "article", "title": "Returns"} | FIGURES],
            "answers": [{"isFirst": True} | FIGURES],
            "curve": [POINT],
        },
    )
    text = "\n".join(lines)
    assert lines[0].endswith(f"a batch since {NOW:%Y-%m-%d %H:%M} UTC. Too expensive")
    assert KNOWLEDGE_OF_NOW in lines
    for row in ("category billing", "article Returns", "first answers"):
        assert f"{row}  " in text
    assert lines[-1].split() == ["0.50", "1", "4", "2", "2", "1", "of", "1"]
