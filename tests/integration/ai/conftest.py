import json
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpcore2
import pytest

from hummdesk.ai.protocol import Article, CannedReply, Context, Knowledge, Provider, Team
from hummdesk.ai.providers import local_provider
from hummdesk.dev.demo_companies import company
from tests.integration.ai.fake_api import PROTOCOLS, FakeApi, serve_fake_api
from tests.integration.ai.recorded_model import RecordedModel, recorded_model

HERE = Path(__file__).parent
COMPANIES = ("outdoor", "invoicing")


def read_json(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Load the TLS authorities once, which takes 26 ms, and not for each client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture(scope="session")
def embedded() -> Provider:
    return local_provider("embedded")


@pytest.fixture(scope="session", params=COMPANIES)
def company_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def knowledge_of(company_name: str) -> Knowledge:
    """Return the knowledge of a company of the demo data; the id of an article is its title."""
    content = company(COMPANIES.index(company_name)).content
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
async def api(request: pytest.FixtureRequest) -> AsyncIterator[FakeApi]:
    async with serve_fake_api(request.param) as served:
        yield served


@pytest.fixture
async def model(api: FakeApi) -> AsyncIterator[RecordedModel]:
    async with recorded_model(api) as made:
        yield made
