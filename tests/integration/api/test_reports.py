"""Queues and reports over REST. The figures equal those that are computed here from logs and messages of the API."""

import csv
import io
import itertools
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from hummdesk.contract.rest import BASE
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, Invalid
from hummdesk.core.models import Person
from hummdesk.server.actions import assignments, ratings
from hummdesk.server.actions import conversations as actions
from hummdesk.server.node import Node
from hummdesk.storage import past_answers
from hummdesk.storage.messages import NewMessage
from hummdesk.storage.past_answers import LearnedReply
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

STEPS = 160
DAYS = 3
ROUNDING = 0.003
"""In seconds: the times of the API are those of PostgreSQL in milliseconds."""

STARTED: dict[str, Any] = {"subject": None, "metadata": {}, "clientMessageId": None}


@dataclass
class History:
    """Random changes of conversations by the actions of requests, over some days."""

    account: Account
    node: Node
    chance: random.Random
    conversations: list[tuple[UUID, Person]] = field(default_factory=list)

    @property
    def agents(self) -> list[Person]:
        return [self.account.people[name] for name in ("admin", "agent", "colleague")]

    async def make(self) -> None:
        steps: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (8, self.start),
            (6, self.ask),
            (10, self.answer),
            (8, self.change_status),
            (5, self.assign),
            (2, self.unassign),
            (4, self.rate),
        ]
        weights, choices = zip(*steps, strict=True)
        await self.start()
        for chosen in self.chance.choices(choices, weights, k=STEPS):
            with suppress(Conflict, Invalid):
                await chosen()
        await self.learn()
        for conversation_id, _ in self.conversations:
            await self.move_in_time(conversation_id)

    def one(self) -> tuple[UUID, Person]:
        return self.chance.choice(self.conversations)

    async def start(self) -> None:
        contact = self.account.people[self.chance.choice(["customer", "stranger"])]
        content = self.chance.choice(["Hello", "Hello", None])
        started = await actions.start(self.node.context, contact, STARTED | {"content": content})
        self.conversations.append((started.conversation.id, contact))

    async def send(self, sender: Person, conversation_id: UUID, **more: Any) -> None:
        message = NewMessage(conversation_id=conversation_id, content="Text", **more)
        await self.node.context.writer.send(sender=sender, message=message)

    async def ask(self) -> None:
        conversation_id, customer = self.one()
        await self.send(customer, conversation_id, needs_ai=True)

    async def answer(self) -> None:
        await self.send(self.chance.choice(self.agents), self.one()[0], private=self.chance.random() < 0.3)

    async def change_status(self) -> None:
        status: Any = self.chance.choice(["open", "pending", "closed", "closed"])
        actor = self.chance.choice(self.agents)
        await actions.change_status(self.node.context, actor, self.one()[0], status=status, reason=None)

    async def assign(self) -> None:
        agent, actor = self.chance.choice(self.agents), self.agents[0]
        team = self.chance.choice([None, *agent.team_ids])
        await assignments.assign(self.node.context, actor, self.one()[0], agent_id=agent.id, team_id=team, note=None)

    async def unassign(self) -> None:
        await assignments.unassign(self.node.context, self.agents[0], self.one()[0], reason=None)

    async def rate(self) -> None:
        conversation_id, customer = self.one()
        stars, comment = self.chance.randrange(1, 6), self.chance.choice([None, "Thanks"])
        await ratings.rate(self.node.context, customer, conversation_id, rating=stars, comment=comment)

    async def learn(self) -> None:
        """Record how drafts were used, as the task does that learns from replies."""
        runs = await self.account.execute("SELECT id FROM ai_runs WHERE account_id = %(account)s")
        async with self.node.context.database.account(self.account.id) as tx:
            replies = await past_answers.unlearned(tx, limit=1000)
            uses: list[Any] = ["as_it_was", "edited", "ignored", None]
            learned = [
                LearnedReply(
                    message_id=reply.message_id,
                    draft_run_id=None if use is None else self.chance.choice(runs)[0],
                    draft_use=use,
                    question=None,
                    answer=None,
                )
                for reply in replies
                for use in [self.chance.choice(uses)]
            ]
            await past_answers.store_lessons(tx, learned, newest=0)

    async def move_in_time(self, conversation_id: UUID) -> None:
        """Stretch the times of a conversation, and move it into the past."""
        await self.account.execute(
            """
            WITH opening AS (
                SELECT created_at AS at
                FROM conversation_events
                WHERE account_id = %(account)s AND conversation_id = %(id)s AND kind = 'created'
            ), event AS (
                UPDATE conversation_events SET created_at = at - %(before)s + (created_at - at) * %(factor)s
                FROM opening
                WHERE account_id = %(account)s AND conversation_id = %(id)s
            ), message AS (
                UPDATE messages SET created_at = at - %(before)s + (created_at - at) * %(factor)s FROM opening
                WHERE account_id = %(account)s AND conversation_id = %(id)s
            )
            UPDATE conversation_ratings SET rated_at = at - %(before)s + (rated_at - at) * %(factor)s FROM opening
            WHERE account_id = %(account)s AND conversation_id = %(id)s
            """,
            id=conversation_id,
            before=timedelta(seconds=self.chance.uniform(0, DAYS * 86_400)),
            factor=self.chance.uniform(2_000, 20_000),
        )


@dataclass(frozen=True, kw_only=True)
class Item:
    """What a figure counts, as docs/supervising.md defines it."""

    figure: str
    at: datetime
    agent: str | None
    team: str | None
    seconds: float | None = None
    detail: str = ""
    stars: int = 0


def time_of(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["timestamp"])


def items_of(log: list[dict[str, Any]], messages: list[dict[str, Any]]) -> Iterator[Item]:
    """From the log and the messages of a conversation, oldest first."""

    def assigned(at: datetime, noun: str) -> str | None:
        moves = [one for one in log if one["kind"] in ("assigned", "unassigned") and time_of(one) <= at]
        return moves[-1]["details"].get(f"to{noun}") if moves else None

    opened = time_of(log[0])
    public = [one for one in messages if not one["private"]]
    question = next((one for one in public if one["senderType"] == "customer"), None)
    reply = question and next(
        (one for one in public if one["senderType"] == "agent" and one["seq"] > question["seq"]), None
    )
    detail = "unasked" if question is None else "unanswered" if reply is None else "answered"
    yield Item(
        figure="first_response",
        at=opened,
        agent=reply["senderId"] if reply else None,
        team=assigned(time_of(reply), "Team") if reply else None,
        seconds=(time_of(reply) - time_of(question)).total_seconds() if question and reply else None,
        detail=detail,
    )
    rated: Item | None = None
    for entry in log:
        at, details = time_of(entry), entry["details"]
        if entry["kind"] == "status_changed" and details["from"] == "closed":
            opened = at
        if entry["kind"] == "status_changed" and details["to"] == "closed":
            if rated:
                yield rated
            rated = None
            agent = entry["actorId"] if entry["actorType"] == "agent" else None
            seconds = (at - opened).total_seconds()
            yield Item(figure="resolution", at=at, agent=agent, team=assigned(at, "Team"), seconds=seconds)
        elif entry["kind"] == "draft_used":
            yield Item(figure="draft", at=at, agent=entry["actorId"], team=assigned(at, "Team"), detail=details["use"])
        elif entry["kind"] == "rated":
            rated = Item(
                figure="rating",
                at=at,
                agent=assigned(at, "Agent"),
                team=assigned(at, "Team"),
                stars=details["rating"],
            )
    if rated:
        yield rated


def key_of(item: Item, by: str, zone: str) -> Any:
    """The row of a report in which an item is counted."""
    return {"hour": item.at.astimezone(ZoneInfo(zone)).hour, "team": item.team, "agent": item.agent}[by]


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def figures_of(items: Iterable[Item]) -> dict[str, Any]:
    by_figure: dict[str, list[Item]] = {name: [] for name in ("first_response", "resolution", "draft", "rating")}
    for item in items:
        by_figure[item.figure].append(item)
    opened, closed, drafts, rated = by_figure.values()
    figures: dict[str, Any] = {
        "opened": len(opened),
        "answered": sum(item.detail == "answered" for item in opened),
        "unanswered": sum(item.detail == "unanswered" for item in opened),
        "closed": len(closed),
        "drafts": len(drafts),
        "draftsUsed": sum(item.detail != "ignored" for item in drafts),
        "ratings": len(rated),
        "satisfied": sum(item.stars >= 4 for item in rated),
    }
    for name, found in (("firstResponse", opened), ("resolution", closed)):
        seconds = [item.seconds for item in found if item.seconds is not None]
        if seconds:
            figures |= {f"{name}Median": percentile(seconds, 0.5), f"{name}P90": percentile(seconds, 0.9)}
    return figures | ({"rating": sum(item.stars for item in rated) / len(rated)} if rated else {})


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found == {name: pytest.approx(value, abs=ROUNDING) for name, value in expected.items()}


async def all_items(admin: RestClient, conversations: list[tuple[UUID, Person]]) -> list[Item]:
    found: list[Item] = []
    for conversation_id, _ in conversations:
        log: list[dict[str, Any]] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await admin.do("list_conversation_events", id=conversation_id, limit=100, **cursor)
            log += page["events"]
            if "nextCursor" not in page:
                break
            cursor = {"cursor": page["nextCursor"]}
        messages = await admin.do("list_messages", id=conversation_id, limit=100)
        assert not messages["hasMore"]
        found += items_of(log[::-1], messages["messages"])
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_report_equals_figures_computed_from_log_and_messages(
    admin: RestClient, account: Account, node: Node, seed: int
) -> None:
    history = History(account, node, random.Random(seed))
    await history.make()
    items = await all_items(admin, history.conversations)
    assert {item.figure for item in items} == {"first_response", "resolution", "draft", "rating"}
    end = max(item.at for item in items) + timedelta(hours=1)
    whole = (end - timedelta(days=60), end)
    parts = [
        (start, start + timedelta(hours=history.chance.uniform(1, 60)))
        for start in (end - timedelta(hours=history.chance.uniform(1, 120)) for _ in range(3))
    ]
    zones = ["UTC", "Asia/Kolkata", "America/New_York"]
    for (since, until), by in itertools.product([whole, *parts], ["hour", "team", "agent"]):
        zone = history.chance.choice(zones)
        within = [item for item in items if since <= item.at < until]
        query = {"from": wire_time(since), "to": wire_time(until), "by": by, "timeZone": zone}
        report = await admin.do("get_report", **query)
        assert_equal(report["total"], figures_of(within))
        name = "hour" if by == "hour" else f"{by}Id"
        rows = {row.pop(name, None): row for row in report["rows"]}
        assert rows.keys() == {key_of(item, by, zone) for item in within}
        for key, row in rows.items():
            row.pop("name", None)
            assert_equal(row, figures_of(item for item in within if key_of(item, by, zone) == key))
    await assert_items_are_those_counted(admin, account, items, whole)


async def assert_items_are_those_counted(
    admin: RestClient, account: Account, items: list[Item], whole: tuple[datetime, datetime]
) -> None:
    """The lists behind the figures, of all and of one agent, in pages."""
    agent = str(account.people["agent"].id)
    scope = {"from": wire_time(whole[0]), "to": wire_time(whole[1])}
    for more in ({}, {"agentId": agent}, {"without": "team"}):
        chosen = [
            item
            for item in items
            if ("agentId" not in more or item.agent == agent) and ("without" not in more or item.team is None)
        ]
        figures = figures_of(chosen)
        for figure in ("opened", "answered", "unanswered", "closed", "drafts", "draftsUsed", "ratings"):
            found: list[dict[str, Any]] = []
            cursor: dict[str, Any] = {}
            while True:
                query = scope | more | cursor | {"figure": figure, "limit": 7}
                page = await admin.do("list_report_items", **query)
                found += page["items"]
                if "nextCursor" not in page:
                    break
                cursor = {"cursor": page["nextCursor"]}
            assert len({one["id"] for one in found}) == len(found) == figures[figure]
            assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)


def today() -> dict[str, str]:
    now = datetime.now(UTC)
    return {"from": wire_time(now - timedelta(hours=1)), "to": wire_time(now + timedelta(hours=1))}


async def test_first_response_is_neither_a_note_nor_automatic(admin: RestClient, account: Account) -> None:
    contact = str(account.people["customer"].id)
    started = await admin.do("create_conversation", {"contactId": contact, "content": "Hello"})
    agent = {"as": "agent", "agentId": str(account.people["agent"].id)}
    automatic = {"as": "system", "content": "We are closed", "basedOnSeq": 1}
    await admin.do("send_message", automatic, id=started["id"])
    await admin.do("send_message", agent | {"content": "To do", "private": True}, id=started["id"])
    marked = {"content": "We are on holiday", "basedOnSeq": 2, "metadata": {"automatic": True}}
    await admin.do("send_message", agent | marked, id=started["id"])
    total = (await admin.do("get_report", by="agent", **today()))["total"]
    assert (total["opened"], total["answered"], total["unanswered"]) == (1, 0, 1)
    await admin.do("send_message", agent | {"content": "Hello"}, id=started["id"])
    report = await admin.do("get_report", by="agent", **today())
    [row] = report["rows"]
    assert (row["agentId"], row["name"], row["answered"]) == (agent["agentId"], "Agent", 1)
    assert (await admin.do("get_report", by="agent", agentId=started["id"], **today()))["total"]["opened"] == 0


async def test_report_shows_nothing_of_another_account(
    admin: RestClient, foreigner: RestClient, account: Account
) -> None:
    await admin.do("create_conversation", {"contactId": str(account.people["customer"].id), "content": "Hello"})
    for by in ("hour", "team", "agent"):
        report = await foreigner.do("get_report", by=by, **today())
        assert report["rows"] == []
        assert set(report["total"].values()) == {0}
    for figure in ("opened", "unanswered"):
        assert (await foreigner.do("list_report_items", figure=figure, **today()))["items"] == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"to": "2026-01-01T00:00:00Z"}, "to"),
        ({"to": "2026-05-01T00:00:00Z"}, "to"),
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"from": "2026-13-01T00:00:00Z"}, "from"),
        ({"timeZone": "Europe/Nowhere"}, "timeZone"),
        ({"timeZone": "'; SELECT"}, "timeZone"),
        ({"by": "minute"}, "by"),
    ],
)
async def test_report_with_an_invalid_range_names_the_field(
    admin: RestClient, change: dict[str, str], name: str
) -> None:
    query = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "by": "hour"} | change
    problem = await admin.refused("get_report", status=422, **query)
    assert [error["field"] for error in problem["errors"]] == [name]


async def test_answers_as_csv_have_a_header_and_no_formulas(
    admin: RestClient, account: Account, http: aiohttp.ClientSession
) -> None:
    await account.execute("UPDATE contacts SET name = '=1+1' WHERE account_id = %(account)s")
    await admin.do("create_conversation", {"contactId": str(account.people["customer"].id), "content": "Hello"})

    links: dict[str, Any] = {}

    async def table(path: str, accept: str = "*/*", **query: str) -> list[dict[str, str]]:
        headers = {"Authorization": f"Bearer {admin.text}", "Accept": accept}
        async with http.get(f"{BASE}{path}", params=query, headers=headers) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
            links.update(response.links)
            return list(csv.DictReader(io.StringIO(await response.text())))

    [hello] = await table("/reports/items.csv", figure="opened", **today())
    assert hello["customerName"] == "'=1+1"
    assert links == {}
    [row] = await table("/reports/figures", "text/csv", by="hour", **today())
    assert (row["opened"], row["firstResponseMedian"]) == ("1", "")
    await admin.do("create_conversation", {"contactId": str(account.people["customer"].id), "content": "Again"})
    [newest] = await table("/reports/items.csv", figure="opened", limit="1", **today())
    assert await table(links["next"]["url"].path_qs.removeprefix(BASE)) == [hello] != [newest]
    queues = await table("/queues.csv")
    assert [(queue["name"], queue["waiting"]) for queue in queues] == [("", "4"), ("Team", "0")]


async def test_queues_show_waiting_conversations_and_load_of_agents(admin: RestClient, account: Account) -> None:
    agent, team = str(account.people["agent"].id), str(account.team)
    socket = await account.connect("agent")
    await socket.do("set_agent_status", {"status": "busy"})
    contact = {"contactId": str(account.people["customer"].id), "content": "Hello"}
    for change in ({"assignedTo": agent, "priority": "urgent"}, {"assignedTo": agent}, {"teamId": team}):
        started = await admin.do("create_conversation", contact)
        await admin.do("update_conversation", change, id=started["id"])
    await admin.do("update_conversation", {"status": "closed"}, id=str(account.other_conversation))
    found = await admin.do("get_queues")
    [own, of_team] = found["queues"]
    assert (own.get("teamId"), own["waiting"]) == (None, 1)
    assert (of_team["teamId"], of_team["name"], of_team["waiting"]) == (team, "Team", 1)
    assert of_team["oldestSince"] <= found["timestamp"]
    agents = {one["agentId"]: one for one in found["agents"]}
    assert (agents[agent]["status"], agents[agent]["conversations"], agents[agent]["load"]) == ("busy", 2, 3)
    assert "capacity" not in agents[agent]
    await account.execute(
        "UPDATE users SET capacity = 7 WHERE account_id = %(account)s AND id = %(agent)s", agent=agent
    )
    found = await admin.do("get_queues")
    assert {one["agentId"]: one.get("capacity") for one in found["agents"]}[agent] == 7
    assert set(agents) == {str(account.people[name].id) for name in ("admin", "agent", "colleague")}
    await account.execute(
        "UPDATE conversations SET erased_at = now() "
        "WHERE account_id = %(account)s AND assigned_to = %(agent)s AND priority = 'urgent'",
        agent=agent,
    )
    found = await admin.do("get_queues")
    assert [(one["conversations"], one["load"]) for one in found["agents"] if one["agentId"] == agent] == [(1, 1)]


async def test_socket_answers_as_rest_does(admin: RestClient, account: Account) -> None:
    client = await account.connect("admin")
    scope = today() | {"by": "team"}
    answer = await client.do("get_report", scope)
    assert {name: value for name, value in answer.items() if name != "ok"} == await admin.do("get_report", **scope)
    queues = await client.do("get_queues")
    assert queues["queues"] == (await admin.do("get_queues"))["queues"]
