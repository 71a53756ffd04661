"""Suggestions of teams and agents."""

from uuid import UUID

import pytest

from hummdesk.ai.protocol import Context, Team
from hummdesk.ai.routing import agent_for, team_for

ANN, BEN, CLEO = UUID(int=1), UUID(int=2), UUID(int=3)
CARE = Team(id=UUID(int=10), name="Customer Care", agent_ids=(CLEO,))
BILLING = Team(id=UUID(int=11), name="Billing & Finance", agent_ids=(ANN, BEN))


def test_team_whose_name_matches_the_category_is_suggested() -> None:
    assert team_for("billing", Context(teams=(CARE, BILLING))) == BILLING
    assert team_for("sales", Context(teams=(BILLING,))) is None


@pytest.mark.parametrize(
    ("skills", "online", "expected"),
    [
        ({}, {ANN, BEN}, ANN),
        ({BEN: {"billing"}}, {ANN, BEN}, BEN),
        ({BEN: {"billing"}}, {ANN}, ANN),
        ({ANN: {"de"}, BEN: {"billing"}}, {ANN, BEN}, BEN),
        ({ANN: {"billing"}, BEN: {"billing", "de"}}, {ANN, BEN}, BEN),
        ({CLEO: {"billing"}}, {CLEO}, None),
        ({}, set(), None),
    ],
)
def test_most_skilled_online_agent_of_the_team_is_suggested(
    skills: dict[UUID, set[str]], online: set[UUID], expected: UUID | None
) -> None:
    context = Context(online=frozenset(online), skills={agent: frozenset(some) for agent, some in skills.items()})
    assert agent_for(BILLING, category="billing", language="de", context=context) == expected


def test_without_team_only_agents_with_the_category_are_suggested() -> None:
    skills = {ANN: frozenset({"de"}), BEN: frozenset({"billing"})}
    context = Context(online=frozenset({ANN, BEN}), skills=skills)
    assert agent_for(None, category="billing", language="de", context=context) == BEN
    assert agent_for(None, category="sales", language="de", context=context) is None
