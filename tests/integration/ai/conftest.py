import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hummdesk.ai import providers
from hummdesk.ai.protocol import Article, CannedReply, Context, Knowledge, Provider, Team
from hummdesk.dev.demo_companies import company
from tests.integration.ai.asking import WorkerContext, asking
from tests.integration.ai.fake_provider import PROTOCOLS, Played, playing

HERE = Path(__file__).parent


def written(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def embedded() -> Provider:
    return providers.provider("embedded")


@pytest.fixture(scope="session", params=[0, 1], ids=["outdoor", "invoicing"])
def firm(request: pytest.FixtureRequest) -> str:
    return ("outdoor", "invoicing")[request.param]


def knowledge_of(firm: str) -> Knowledge:
    """What a company of the demo data knows; its articles have their titles for ids."""
    content = company(("outdoor", "invoicing").index(firm)).content
    return Knowledge(
        articles=tuple(
            Article(id=page["title"], title=page["title"], body=page["body"], questions=tuple(page["questions"]))
            for page in content["articles"]
        ),
        canned_replies=tuple(CannedReply(title=page["title"], content=page["content"]) for page in content["canned"]),
    )


BILLING = Team(id=UUID(int=1), name="Billing & Finance", agent_ids=(UUID(int=11), UUID(int=12)))
CARE = Team(id=UUID(int=2), name="Customer Care", agent_ids=(UUID(int=21),))
CONTEXT = Context(teams=(BILLING, CARE), online=frozenset({UUID(int=12)}))


@pytest.fixture(params=PROTOCOLS)
async def played(request: pytest.FixtureRequest) -> AsyncIterator[Played]:
    async with playing(request.param) as server:
        yield server


@pytest.fixture
async def desk(played: Played) -> AsyncIterator[WorkerContext]:
    async with asking(played) as made:
        yield made
