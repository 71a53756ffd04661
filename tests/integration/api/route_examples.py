"""An example of each route of the REST API, for the tests that are generated from the table of routes.

A new route needs here: its body in BODIES, if it has one; the noun of each field with an id in ID_FIELDS, if the field
is new; and how an object of its noun is made in OBJECTS, unless `POST /<noun>` makes it.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import Id
from hummdesk.contract.rest import ROUTES, Route
from hummdesk.core.ids import new_id
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

HOW = "tests/integration/api/route_examples.py says what a new route needs"


@dataclass(frozen=True)
class Desk:
    """An account, a client with an admin key of it, and an id of each noun."""

    account: Account
    admin: RestClient
    ids: dict[str, str]


def _mark() -> str:
    return secrets.token_hex(4)


Body = Callable[[Mapping[str, str]], dict[str, Any]]
"""The body for an account with these ids, by noun. It can be sent again."""

BODIES: dict[str, Body] = {
    "create_key": lambda _: {"name": f"key {_mark()}", "scope": "read"},
    "create_user": lambda _: {"email": f"{_mark()}@example.com", "name": "Nia", "role": "agent"},
    "update_user": lambda _: {"name": "Nia"},
    "create_team": lambda _: {"name": f"Team {_mark()}"},
    "update_team": lambda _: {"name": f"Team {_mark()}"},
    "add_team_members": lambda ids: {"userIds": [ids["users"]]},
    "create_label": lambda _: {"name": f"Label {_mark()}", "color": "#0b5f59"},
    "update_label": lambda _: {"color": "#123456"},
    "create_view": lambda ids: {"name": "Refunds", "shared": True, "filter": {"labelId": ids["labels"]}},
    "update_view": lambda _: {"name": f"View {_mark()}", "filter": {"status": "open", "unassigned": True}},
    "upsert_contact": lambda _: {"externalId": _mark(), "name": "Cleo"},
    "update_contact": lambda _: {"name": "Cleo"},
    "put_oidc": lambda _: {"issuer": "http://127.0.0.1:1", "clientId": "hummdesk"},
    "put_hours": lambda _: {"timeZone": "UTC", "weekly": [], "closedDates": ["2026-12-24"]},
    "put_categories": lambda _: {
        "enabled": True,
        "categories": [
            {"key": "repairs", "name": "Repairs", "examples": ["The tap drips"]},
            {"key": "rent", "name": "Rent", "description": "Rent and deposit"},
        ],
    },
    "put_tags": lambda _: {"tags": [{"key": "leak", "name": "Leak", "examples": ["Water runs down"]}]},
    "put_automatic_answers": lambda _: {"enabled": True, "categories": []},
    "start_simulation": lambda _: {"since": "2026-01-01T00:00:00Z", "maxConversations": 1},
    "create_conversation": lambda ids: {"contactId": ids["contacts"], "content": "Hello"},
    "update_conversation": lambda _: {"priority": "high"},
    "merge_conversation": lambda ids: {"intoConversationId": ids["targets"]},
    "edit_message": lambda _: {"content": f"Hello {_mark()}"},
    "send_message": lambda ids: {"as": "agent", "agentId": ids["users"], "content": "Hello"},
    "create_article": lambda _: {"title": f"Article {_mark()}", "body": "Text", "questions": ["Why?"]},
    "update_article": lambda _: {"body": f"Text {_mark()}"},
    "import_articles": lambda _: {"articles": [{"title": f"Article {_mark()}", "body": "Text"}]},
    "create_canned_reply": lambda _: {"title": f"Reply {_mark()}", "body": "Text"},
    "update_canned_reply": lambda _: {"body": f"Text {_mark()}"},
    "import_canned_replies": lambda _: {"cannedReplies": [{"title": f"Reply {_mark()}", "body": "Text"}]},
    "update_settings": lambda _: {"name": f"Account {_mark()}"},
    "update_routing": lambda _: {"mode": "least_loaded", "capacity": 3},
    "update_team_routing": lambda _: {"mode": "off"},
    "create_signing_key": lambda _: {},
    "create_webhook": lambda _: {"url": "https://hooks.example/", "events": ["new_message"]},
    "update_webhook": lambda _: {"events": ["*"]},
    "replay_webhook": lambda _: {"after": 0},
    "create_token": lambda ids: {"contactId": ids["contacts"], "seconds": 60},
}

QUERIES: dict[str, dict[str, str]] = {
    "get_report": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "by": "agent"},
    "get_automatic_report": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "get_draft_report": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "list_report_items": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "figure": "opened"},
}
"""The required parameters of queries."""

ID_FIELDS: dict[str, str] = {
    "actorId": "users",
    "agentId": "users",
    "assignedTo": "users",
    "contactId": "contacts",
    "intoConversationId": "targets",
    "kid": "signing-keys",
    "label": "labels",
    "filter.assignedTo": "users",
    "filter.labelId": "labels",
    "filter.teamId": "teams",
    "labelIds": "labels",
    "memberIds": "users",
    "mentions": "users",
    "messageId": "messages",
    "number": "webhooks",
    "team": "teams",
    "teamId": "teams",
    "teamIds": "teams",
    "userId": "users",
    "userIds": "users",
}
"""The noun of each field of a query or a body, and of each parameter of a path, that has an id; `id` has the path's."""

OTHER_BODIES: dict[tuple[str, str], Body] = {
    ("create_token", "userId"): lambda ids: {"userId": ids["users"], "seconds": 60},
    ("update_view", "filter.assignedTo"): lambda _: {"filter": {"status": "open"}},
    ("send_message", "mentions"): lambda _: {"as": "agent", "content": "Hello", "private": True},
}
"""Where a field excludes one of the example: the body with that field."""

OBJECTS: dict[str, Callable[[Account], UUID]] = {
    "contacts": lambda account: account.people["customer"].id,
    "conversations": lambda account: account.conversation,
    "messages": lambda _: new_id(),  # a caller may change its own messages only
    "teams": lambda account: account.team,
    "users": lambda account: account.people["colleague"].id,
}

NOT_BY_USERS = frozenset({"create_conversation", "create_view", "update_view"})
"""Routes that an agent's token may not use, though a key of scope `write` may."""
LEAVES_A_SECRET = frozenset({"create_sign_in_link"})
"""Routes whose request leaves a secret that nobody has received if its answer was lost: it expires unused."""
WITH_OWN_ID = frozenset({"send_message"})
"""Routes whose example an agent's token may use only with the agent's own id."""


async def made(account: Account, admin: RestClient) -> Desk:
    """An object of each noun of the table."""
    ids = {noun: str(find(account)) for noun, find in OBJECTS.items()} | {"sessions": await _session(account)}
    ids["targets"] = (await admin.do("create_conversation", body_of(ROUTES["create_conversation"], ids)))["id"]
    for route in ROUTES.values():
        if route.method == "POST" and route.path == f"/{route.noun}" and route.noun not in ids:
            answer = await admin.do(route.name, body_of(route, ids))
            if "id" in answer:
                ids[route.noun] = answer["id"]
    await admin.do("test_webhook", id=ids["webhooks"])
    ids["webhooks.number"] = "0"
    return Desk(account, admin, ids)


async def _session(account: Account) -> str:
    """A session of the agent."""
    [[session_id]] = await account.execute(
        "INSERT INTO staff_sessions (account_id, id, user_id, secret_hash, signed_in_by, user_agent, network, "
        "expires_at) "
        "VALUES (%(account)s, gen_random_uuid(), %(user)s, '', 'link', 'Firefox', '::1', 'infinity') "
        "RETURNING id::text",
        user=account.people["agent"].id,
    )
    return str(session_id)


def body_of(route: Route, ids: Mapping[str, str]) -> dict[str, Any] | None:
    if route.body is None:
        return None
    assert route.name in BODIES, f"BODIES has no {route.name}: {HOW}"
    return BODIES[route.name](ids)


def path_of(route: Route, ids: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of the path, of objects of an account."""
    found: dict[str, Any] = {}
    for name, is_text in route.parameters.items():
        noun = noun_of(route, name)
        assert noun in ids, f"OBJECTS has no {noun}: {HOW}"
        found[name] = ids[noun] if not is_text else ids.get(f"{noun}.{name}", ids[noun])
    return found


def query_of(route: Route) -> dict[str, str]:
    return QUERIES.get(route.name, {})


def noun_of(route: Route, name: str) -> str:
    if name == "id":
        return route.noun
    assert name in ID_FIELDS, f"ID_FIELDS has no {name}, of {route.name}: {HOW}"
    return ID_FIELDS[name]


def with_field(body: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The body with another value of a field; `outer.inner` names a field of an object."""
    outer, _, inner = name.partition(".")
    return {**body, outer: with_field(body.get(outer, {}), inner, value) if inner else value}


def id_fields(schema: type[Schema] | None) -> Iterator[tuple[str, bool]]:
    """The fields of a query or a body that have an id, and whether each is a list of them."""
    for name, field in instance_of(schema).fields.items() if schema is not None else ():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            nested = list(id_fields(type(inner.schema)))
            assert not nested or inner is field, f"an id inside a list {name}: {HOW}"
            yield from ((f"{name}.{one}", is_list) for one, is_list in nested)
        if isinstance(inner, Id):
            yield name, inner is not field
