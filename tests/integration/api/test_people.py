"""Users, teams and contacts over REST: what is created once, changed under an ETag, and seen by sockets."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from hummdesk.core.account_secrets import AccountSecret
from hummdesk.core.config import Settings
from hummdesk.core.ids import SYSTEM_ID
from hummdesk.operator.account import set_disabled
from hummdesk.operator.user import update
from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.server.node import Node
from hummdesk.storage import sign_in_links
from hummdesk.storage.database import Database
from hummdesk.storage.outbox import LOGGED_CHANGE, OutboxEntry
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account, Client
from tests.running_time import running_timeout

ADA = {"email": "ada@acme.example", "name": "Ada", "role": "agent"}


async def test_user_is_created_once_for_each_email(admin: RestClient) -> None:
    made = await admin.do("create_user", ADA | {"skills": ["sales", "de"]})
    assert (made["email"], made["role"], made["skills"], made["active"]) == (
        ADA["email"],
        "agent",
        ["sales", "de"],
        True,
    )
    problem = await admin.refused("create_user", ADA | {"email": "ADA@acme.example"}, status=409)
    assert problem["details"] == {"id": made["id"]}
    assert await admin.do("get_user", id=made["id"]) == made
    assert made in (await admin.do("list_users", role="agent", active=True))["users"]


async def test_repeated_creation_with_an_idempotency_key_acts_once(admin: RestClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first, second = [await admin.call("create_user", ADA, headers=headers) for _ in range(2)]
    assert (first.status, second.status, second.headers["Idempotent-Replayed"]) == (201, 201, "true")
    assert first.body == second.body


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"email": " a@b.example"}, "email"),
        ({"email": "a" * 250 + "@b.example"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x\x00"}, "name"),
        ({"role": "customer"}, "role"),
        ({"skills": ["yodelling"]}, "skills.0"),
        ({"teamIds": [str(uuid4())]}, "teamIds"),
        ({"accountId": str(uuid4())}, "accountId"),
    ],
)
async def test_invalid_user_names_the_field(admin: RestClient, changes: dict[str, Any], field: str) -> None:
    problem = await admin.refused("create_user", ADA | changes, status=422)
    assert field in {error["field"] for error in problem["errors"]}


async def test_change_under_an_old_etag_is_refused(admin: RestClient, account: Account) -> None:
    agent = account.people["agent"].id
    found = await admin.call("get_user", id=agent)
    match = {"If-Match": found.headers["ETag"]}
    changed = await admin.call("update_user", {"name": "New"}, id=agent, headers=match)
    assert (changed.status, changed.body["name"]) == (200, "New")
    await admin.refused("update_user", {"name": "Newer"}, id=agent, headers=match, status=412)
    unchanged = {"If-None-Match": changed.headers["ETag"]}
    assert (await admin.call("get_user", id=agent, headers=unchanged)).status == 304
    await admin.refused("update_user", {}, id=agent, status=422)


async def test_disabled_user_is_signed_out_and_unassigned_as_by_the_socket(
    admin: RestClient, account: Account, sender: Client
) -> None:
    watcher = await account.connect("admin", joins=True)
    agent = str(account.people["agent"].id)
    await watcher.do("assign_conversation", {"conversationId": str(account.conversation), "agentId": agent})
    async with running_timeout(1):
        await admin.do("disable_user", id=agent)
        assert (await sender.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    unassigned = await watcher.receives("conversation_unassigned", unassignedFrom=agent)
    entry = (await admin.do("list_audit_entries"))["entries"][0]
    assert (entry["action"], entry["actorId"]) == ("user.disabled", unassigned["unassignedBy"])
    updated = await watcher.receives("conversation_updated", assignedTo=None)
    assert updated["conversationId"] == str(account.conversation)
    assert (await admin.do("enable_user", id=agent))["active"]


@pytest.mark.parametrize("change", [{"role": "agent"}, {"active": False}])
async def test_only_admin_of_an_account_stays_one(admin: RestClient, account: Account, change: Any) -> None:
    only = str(account.people["admin"].id)
    body, route = (change, "update_user") if "role" in change else (None, "disable_user")
    await admin.refused(route, body, id=only, status=409)
    other = await admin.do("create_user", {"email": "other@example.com", "name": "Other", "role": "admin"})
    await admin.do(route, body, id=only)
    await admin.refused("update_user", {"role": "viewer"}, id=other["id"], status=409)


async def test_admins_who_take_the_role_of_each_other_leave_one(admin: RestClient, account: Account) -> None:
    other = await admin.do("create_user", {"email": "other@example.com", "name": "Other", "role": "admin"})
    both = (str(account.people["admin"].id), other["id"])
    answers = await asyncio.gather(*(admin.call("update_user", {"role": "agent"}, id=one) for one in both))
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_sign_in_link_is_valid_once_and_for_active_users_only(
    admin: RestClient, foreigner: RestClient, account: Account, node: Node
) -> None:
    agent = account.people["agent"].id
    link = (await admin.do("create_sign_in_link", id=agent))["signInUrl"]
    secret = AccountSecret.parsed(link.partition("#")[2])
    assert secret is not None
    async with node.context.database.account(account.id) as tx:
        assert [await sign_in_links.redeem(tx, secret) for _ in range(2)] == [agent, None]
    entry = (await admin.do("list_audit_entries"))["entries"][0]
    assert (entry["action"], entry["subjectId"]) == ("sign_in_link.created", str(agent))
    await foreigner.refused("create_sign_in_link", id=agent, status=404)
    await admin.do("disable_user", id=agent)
    await admin.refused("create_sign_in_link", id=agent, status=404)


async def test_audit_log_is_filtered_by_noun_and_actor(admin: RestClient, http: Any, account: Account) -> None:
    user = await admin.do("create_user", ADA)
    await RestClient(http, account.token("admin")).do("create_team", {"name": "Team 3"})
    of_users = (await admin.do("list_audit_entries", noun="user"))["entries"]
    assert [(one["action"], one["subjectId"]) for one in of_users] == [("user.created", user["id"])]
    of_actor = await admin.do("list_audit_entries", actorId=account.people["admin"].id)
    assert [one["action"] for one in of_actor["entries"]] == ["team.created"]
    assert (await admin.do("list_audit_entries", noun="team", actorId=uuid4()))["entries"] == []
    await admin.refused("list_audit_entries", noun="User!", status=422)


async def test_key_that_is_not_of_an_admin_reads_people_only(
    admin: RestClient, account: Account, node: Node, http: Any
) -> None:
    writer = await RestClient.of(http, node.context.database, account.id, "write")
    reader = await RestClient.of(http, node.context.database, account.id, "read")
    for client in (writer, reader):
        await client.do("list_users")
        await client.refused("create_user", ADA, status=403)
        await client.refused("create_team", {"name": "Team 2"}, status=403)
    await reader.refused("upsert_contact", {"externalId": "1"}, status=403)
    await writer.do("upsert_contact", {"externalId": "1"})


async def test_people_of_another_account_are_not_found(
    admin: RestClient, foreigner: RestClient, account: Account
) -> None:
    agent, customer = account.people["agent"].id, account.people["customer"].id
    await foreigner.refused("get_user", id=agent, status=404)
    await foreigner.refused("update_user", {"name": "x"}, id=agent, status=404)
    await foreigner.refused("disable_user", id=agent, status=404)
    await foreigner.refused("get_contact", id=customer, status=404)
    await foreigner.refused("update_contact", {"name": "x"}, id=customer, status=404)
    for route in ("get_team", "list_team_members"):
        await foreigner.refused(route, id=account.team, status=404)
    own = await foreigner.do("create_team", {"name": "Own"})
    await foreigner.refused("add_team_members", {"userIds": [str(agent)]}, id=own["id"], status=422)
    everything = [await foreigner.do(route) for route in ("list_users", "list_teams", "list_contacts")]
    assert str(agent) not in str(everything)
    assert str(customer) not in str(everything)


async def test_team_has_a_description_and_examples_within_limits(admin: RestClient) -> None:
    texts = {"description": "Invoices and payments", "examples": ["I was charged twice"]}
    team = await admin.do("create_team", {"name": "Described", **texts})
    assert {name: team[name] for name in texts} == texts
    changed = await admin.do("update_team", {"examples": []}, id=team["id"])
    assert changed == team | {"examples": []}
    for wrong in ({"examples": ["x"] * 21}, {"examples": [""]}, {"description": "x" * 301}):
        await admin.refused("update_team", wrong, id=team["id"], status=422)


async def test_member_gets_the_rooms_of_the_team_at_once(admin: RestClient, account: Account) -> None:
    client = await account.connect("admin")
    team = await admin.do("create_team", {"name": "Second"})
    await admin.refused("create_team", {"name": "Second"}, status=409)
    added = await admin.do("add_team_members", {"userIds": [str(account.people["admin"].id)]}, id=team["id"])
    assert added["memberIds"] == [str(account.people["admin"].id)]
    members = await admin.do("list_team_members", id=team["id"])
    assert [user["id"] for user in members["users"]] == added["memberIds"]
    names = [one["name"] for one in (await client.do("get_teams"))["teams"]]
    assert "Second" in names
    left = await admin.do("remove_team_member", id=team["id"], userId=account.people["admin"].id)
    assert left["memberIds"] == []
    hidden = await admin.do("update_team", {"active": False, "name": "Third"}, id=team["id"])
    assert (hidden["active"], hidden["name"]) == (False, "Third")
    assert "Third" not in [one["name"] for one in (await client.do("get_teams"))["teams"]]


async def test_changes_of_users_and_teams_are_published_to_staff(admin: RestClient, account: Account) -> None:
    viewer, customer = await account.connect("viewer"), await account.connect("customer", joins=True)
    user = await admin.do("create_user", ADA)
    await viewer.receives("directory_changed", part="agents")
    team = await admin.do("create_team", {"name": "Returns"})
    await viewer.receives("directory_changed", part="teams")
    changes = [
        ("update_user", {"name": "Ada L."}, {"id": user["id"]}, "agents"),
        ("disable_user", None, {"id": user["id"]}, "agents"),
        ("enable_user", None, {"id": user["id"]}, "agents"),
        ("update_team", {"name": "Refunds"}, {"id": team["id"]}, "teams"),
        ("add_team_members", {"userIds": [user["id"]]}, {"id": team["id"]}, "teams"),
        ("remove_team_member", None, {"id": team["id"], "userId": user["id"]}, "teams"),
    ]
    for name, body, path, part in changes:
        await admin.do(name, body, **path)
        await viewer.receives("directory_changed", part=part)
    message = {"conversationId": str(account.conversation), "content": "Hello"}
    await customer.do("send_message", message)
    await customer.receives("new_message")
    assert "directory_changed" not in customer.names()


async def test_contact_is_upserted_by_external_id_or_email(admin: RestClient, account: Account) -> None:
    made = await admin.do("upsert_contact", {"externalId": "c-7", "attributes": {"plan": "gold"}})
    assert "email" not in made
    same = await admin.do("upsert_contact", {"externalId": "c-7", "email": "c7@shop.example", "name": "Cleo"})
    assert same == made | {"email": "c7@shop.example", "name": "Cleo"}
    assert (await admin.do("upsert_contact", {"email": "C7@shop.example"})) == same
    assert (await admin.do("list_contacts", externalId="c-7"))["contacts"] == [same]
    assert (await admin.do("list_contacts", email="c7@shop.example"))["contacts"] == [same]
    assert (await admin.do("list_contacts", email="nobody"))["contacts"] == []
    taken = {"externalId": "c-7", "email": account.people["customer"].email}
    await admin.refused("upsert_contact", taken, status=409)
    await admin.refused("upsert_contact", {"name": "Nobody"}, status=422)
    await admin.refused("upsert_contact", {"externalId": "x", "attributes": {"a": "x" * 5000}}, status=422)
    for bad in ("javascript:alert(1)", "data:text/html,x"):
        await admin.refused("upsert_contact", {"externalId": "x", "avatar": bad}, status=422)


async def test_notes_on_a_contact_are_for_staff_only(admin: RestClient, account: Account) -> None:
    contact_id = account.people["customer"].id
    stored = await admin.do("update_contact", {"notes": "Prefers to be called"}, id=contact_id)
    assert stored["notes"] == (await admin.do("get_contact", id=contact_id))["notes"] == "Prefers to be called"
    await admin.refused("update_contact", {"notes": "x" * 10_001}, id=contact_id, status=422)
    [(details,)] = await account.execute(
        "SELECT details FROM audit_log WHERE account_id = %(account)s AND action = 'contact.updated'"
    )
    assert details == {"fields": ["notes"]}
    customer = await account.connect("customer")
    joined = await customer.do("join_conversation", str(account.conversation))
    assert "notes" not in joined["conversation"]["customer"]
    assert "notes" not in await admin.do("update_contact", {"notes": ""}, id=contact_id)


async def test_contact_that_is_not_active_is_signed_out(admin: RestClient, account: Account) -> None:
    client = await account.connect("customer")
    changed = await admin.do("update_contact", {"active": False}, id=account.people["customer"].id)
    assert not changed["active"]
    assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"


async def test_conversation_unassigned_by_a_command_is_published_once_by_the_relay(
    account: Account, node: Node, web_settings: Settings
) -> None:
    watcher = await account.connect("admin", joins=True)
    agent = account.people["agent"].id
    await watcher.do("assign_conversation", {"conversationId": str(account.conversation), "agentId": str(agent)})
    await watcher.receives("conversation_updated", assignedTo=str(agent))
    await update(web_settings, account.id, str(agent), active=False)
    [(entry_id,)] = await account.execute(
        "SELECT id FROM outbox WHERE account_id = %(account)s AND seq = -2 ORDER BY created_at DESC LIMIT 1"
    )
    entry = OutboxEntry(
        account_id=account.id,
        id=entry_id,
        conversation_id=account.conversation,
        seq=LOGGED_CHANGE,
        reopened_from=None,
    )
    relay = Database(web_settings.postgres, role="hummdesk_relay", size=1, timeout=20)
    await relay.open()
    store = OutboxReceipts(relay, node.context.database, node.context.publisher)
    for _ in range(2):  # as if the relay died before it removed the entry
        await store.republish(entry)
    await relay.close()
    unassigned = await watcher.receives("conversation_unassigned", unassignedFrom=str(agent))
    assert unassigned["unassignedBy"] == str(SYSTEM_ID)
    await watcher.receives("conversation_updated", assignedTo=None)
    await watcher.do("get_presence")
    assert "conversation_unassigned" not in watcher.names()


async def test_disabled_account_ends_sockets_and_keys_within_a_second(
    admin: RestClient, account: Account, foreigner: RestClient, foreign: Account, web_settings: Settings
) -> None:
    clients = [await account.connect(who) for who in ("admin", "agent", "viewer", "customer")]
    other = await foreign.connect("agent")
    await admin.do("list_users")
    async with running_timeout(1):
        await set_disabled(web_settings, account.id, is_disabled=True)
        for client in clients:
            assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
        while (await admin.call("list_users")).status != 401:
            await asyncio.sleep(0.01)
    assert await clients[0].refused("authenticate", account.token("admin")) == "UNAUTHORIZED"
    await other.do("get_presence")
    await foreigner.do("list_users")
    await set_disabled(web_settings, account.id, is_disabled=False)
    await clients[0].do("authenticate", account.token("admin"))
    await admin.do("list_users")
