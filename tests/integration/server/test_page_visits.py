"""Pages that customers have visited: reported by the widget, stored if the account wants that, shown to staff."""

import asyncio
import json
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from hummdesk.core.config import Settings
from hummdesk.server.node import Node
from hummdesk.server.rate_limits import PAGES_PER_MINUTE
from hummdesk.storage import page_visits, visitors
from tests.integration.server.accounts import Account, Client

SHOP = "https://shop.example"


async def record(account: Account, *, origins: tuple[str, ...] = (SHOP,), **look: Any) -> None:
    await account.execute(
        "UPDATE accounts SET widget_look = %(look)s::jsonb, widget_origins = %(origins)s "
        "WHERE account_id = %(account)s",
        look=json.dumps(look or {"recordPages": True}),
        origins=list(origins),
    )


async def visit(client: Client, path: str, title: str = "", *, origin: str = SHOP) -> None:
    await client.do("visit_page", {"url": origin + path, "title": title})


async def pages(account: Account, name: str = "customer", *, role: str = "agent") -> Any:
    """The pages of a customer as a user sees them: path and title."""
    headers = {"Authorization": f"Bearer {account.token(role)}"}
    async with (
        aiohttp.ClientSession(account.url, headers=headers) as session,
        session.get(f"/api/v1/contacts/{account.people[name].id}/pages") as answer,
    ):
        assert answer.status == 200
        return [(page["url"].removeprefix(SHOP), page["title"]) for page in (await answer.json())["pages"]]


async def test_pages_of_a_customer_are_shown_to_staff_newest_first(account: Account, foreign: Account) -> None:
    for one in (account, foreign):
        await record(one)
    customer = await account.connect("customer")
    await visit(customer, "/boots?token=secret#top", "Boots")
    await visit(customer, "/tents", "<b>Tents</b>")
    await visit(await account.connect("stranger"), "/maps")
    await visit(await foreign.connect("customer"), "/theirs")
    for role in ("agent", "viewer"):
        assert await pages(account, role=role) == [("/tents", "<b>Tents</b>"), ("/boots", "Boots")]
    assert await pages(account, "stranger") == [("/maps", "")]
    [[of_others]] = await account.execute(
        "SELECT count(*) FROM page_visits WHERE account_id = %(account)s AND url LIKE '%%secret%%'"
    )
    assert of_others == 0


async def test_pages_of_another_account_are_not_found(account: Account, foreign: Account) -> None:
    headers = {"Authorization": f"Bearer {foreign.token('admin')}"}
    path = f"/api/v1/contacts/{account.people['customer'].id}/pages"
    async with (
        aiohttp.ClientSession(account.url, headers=headers) as session,
        session.get(path) as answer,
    ):
        assert answer.status == 404


async def test_visits_are_recorded_only_if_the_account_has_enabled_it(account: Account) -> None:
    customer = await account.connect("customer")
    await visit(customer, "/boots")  # no setting, no origin
    await record(account, showTeam=True)
    await visit(customer, "/boots")
    await record(account, recordPages=False)
    await visit(customer, "/boots")
    await record(account)
    await visit(customer, "/boots", origin="https://evil.example")
    await visit(customer, "/boots", origin="https://shop.example:8443")
    assert await pages(account) == []
    await visit(customer, "/boots")
    assert await pages(account) == [("/boots", "")]


async def test_own_pages_of_the_server_are_recorded_under_its_public_address(
    account: Account, web_settings: Settings
) -> None:
    await record(account, origins=("self",))
    customer = await account.connect("customer")
    await visit(customer, "/boots")
    await visit(customer, "/demo/shop", "Shop", origin=web_settings.public_address)
    assert await pages(account) == [(f"{web_settings.public_address}/demo/shop", "Shop")]


async def test_page_that_is_opened_again_at_once_is_listed_once(account: Account) -> None:
    await record(account)
    customer = await account.connect("customer")
    await visit(customer, "/boots", "Loading")
    await visit(customer, "/boots?size=9", "Boots")
    await visit(customer, "/tents")
    await visit(customer, "/boots", "Boots again")
    assert await pages(account) == [("/boots", "Boots again"), ("/tents", ""), ("/boots", "Boots")]


async def test_newest_pages_of_a_customer_are_kept(account: Account, node: Node) -> None:
    contact_id = account.people["customer"].id
    await record(account)
    async with node.context.database.account(account.id) as tx:
        for number in range(page_visits.MOST + 5):
            page = {"address": f"{SHOP}/{number}", "title": "", "own_origin": ""}
            assert await page_visits.add(tx, contact_id=contact_id, **page)
    newest = range(page_visits.MOST + 4, 4, -1)
    assert await pages(account) == [(f"/{number}", "") for number in newest]


async def test_reports_of_pages_are_limited(account: Account) -> None:
    await record(account)
    customer = await account.connect("customer")
    page = {"url": f"{SHOP}/boots"}
    answers = await asyncio.gather(*(customer.ask("visit_page", page) for _ in range(2 * PAGES_PER_MINUTE)))
    refused = {answer["error"]["details"]["limit"] for answer in answers if not answer["ok"]}
    assert refused == {"person_pages"}


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"url": "javascript:alert(1)"},
        {"url": "/boots"},
        {"url": f"{SHOP}:port/"},
        {"url": f"{SHOP}/{'x' * page_visits.MAX_URL}"},
        {"url": SHOP, "title": "x" * 201},
        {"url": SHOP, "title": 7},
        {"url": SHOP, "referrer": SHOP},
    ],
)
async def test_invalid_report_is_refused(account: Account, page: dict[str, Any]) -> None:
    await record(account)
    assert await (await account.connect("customer")).refused("visit_page", page) == "VALIDATION_ERROR"
    assert await pages(account) == []


async def test_pages_of_a_visitor_become_those_of_the_customer(account: Account, node: Node) -> None:
    await record(account)
    visitor_id: UUID
    async with node.context.database.account(account.id) as tx:
        visitor_id = (await visitors.add(tx, account_id=account.id)).id
        await page_visits.add(tx, contact_id=visitor_id, address=f"{SHOP}/boots", title="Boots", own_origin="")
        both = {"visitor_id": visitor_id, "contact_id": account.people["customer"].id}
        await visitors.merge(tx, account.people["customer"], **both)
    assert await pages(account) == [("/boots", "Boots")]
