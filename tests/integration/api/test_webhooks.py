"""Webhooks over REST: who may create them, for which addresses, and the log of their deliveries."""

from typing import Any

import pytest

from hummdesk.core.api_keys import Scope
from hummdesk.core.ids import new_id
from hummdesk.server.node import Node
from hummdesk.storage import webhooks
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

URL = "https://hooks.example/desk"
NEW = {"url": URL, "events": ["*"]}
OF_WEBHOOK = ("get_webhook", "get_webhook_state", "rotate_webhook_secret", "test_webhook", "list_webhook_deliveries")


@pytest.fixture
async def hook(admin: RestClient) -> str:
    """The id of a new webhook."""
    made: str = (await admin.do("create_webhook", NEW))["id"]
    return made


async def add_deliveries(node: Node, account: Account, hook: str, status: str, *numbers: int) -> None:
    """Add entries to the log, as relays do."""
    async with node.context.database.account(account.id) as tx:
        for number in numbers:
            await tx.execute(
                "INSERT INTO webhook_deliveries (account_id, webhook_id, number, type, ordering_key, status, "
                "give_up_at, finished_at) VALUES (current_account(), %s, %s, 'new_message', %s, %s, now(), "
                "CASE WHEN %s <> 'pending' THEN now() END)",
                (hook, number, new_id(), status, status),
            )


async def test_secret_is_shown_once(admin: RestClient) -> None:
    made = await admin.do("create_webhook", {"url": URL, "events": ["new_message", "conversation_created"]})
    assert made["secret"].startswith("whsec_")
    shown = await admin.do("get_webhook", id=made["id"])
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert shown["events"] == ["new_message", "conversation_created"]
    assert shown in (await admin.do("list_webhooks"))["webhooks"]
    assert made["secret"] not in str(await admin.do("list_audit_entries"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://user:password@hooks.example/"}, "url"),
        ({"url": "https://hooks.example/#part"}, "url"),
        ({"url": "ftp://hooks.example/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["new_message", "unknown"]}, "events.1"),
        ({"events": "new_message"}, "events"),
        ({"after": -1}, "after"),
        ({"secret": "whsec_own"}, "secret"),
    ],
)
async def test_invalid_webhook_is_refused_by_field(admin: RestClient, changes: dict[str, Any], field: str) -> None:
    problem = await admin.refused("create_webhook", NEW | changes, status=422)
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_update_honours_the_tag_of_what_was_read(admin: RestClient, hook: str) -> None:
    tag = (await admin.call("get_webhook", id=hook)).headers["ETag"]
    changed = await admin.do("update_webhook", {"enabled": False}, id=hook, headers={"If-Match": tag})
    assert (changed["enabled"], changed["disabledReason"]) == (False, "requested")
    await admin.refused("update_webhook", {"enabled": True}, id=hook, headers={"If-Match": tag}, status=412)
    enabled = await admin.do("update_webhook", {"enabled": True, "events": ["ai_draft"]}, id=hook)
    assert enabled["enabled"]
    assert "disabledReason" not in enabled
    assert enabled["events"] == ["ai_draft"]


async def test_repeated_creation_acts_once(admin: RestClient) -> None:
    made = [
        await admin.do("create_webhook", NEW, headers={"Idempotency-Key": "one"}),
        await admin.do("create_webhook", NEW, headers={"Idempotency-Key": "one"}),
    ]
    assert made[0] == made[1]
    assert len((await admin.do("list_webhooks"))["webhooks"]) == 1


async def test_list_of_webhooks_has_pages(admin: RestClient) -> None:
    made = [(await admin.do("create_webhook", NEW))["id"] for _ in range(3)]
    first = await admin.do("list_webhooks", limit=2)
    second = await admin.do("list_webhooks", limit=2, cursor=first["nextCursor"])
    assert [one["id"] for one in first["webhooks"] + second["webhooks"]] == made
    assert "nextCursor" not in second
    await admin.refused("list_webhooks", cursor="x", status=422)


async def test_more_enabled_webhooks_than_the_limit_are_a_conflict(
    admin: RestClient, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_ENABLED", 1)
    await admin.refused("create_webhook", NEW, status=409)
    await admin.do("update_webhook", {"enabled": False}, id=hook)
    await admin.do("create_webhook", NEW)
    await admin.refused("update_webhook", {"enabled": True}, id=hook, status=409)


@pytest.mark.parametrize("scope", ["read", "write"])
async def test_key_of_lower_scope_cannot_use_webhooks(
    admin: RestClient, hook: str, node: Node, account: Account, scope: Scope
) -> None:
    client = await RestClient.of(admin.session, node.context.database, account.id, scope)
    await client.refused("create_webhook", NEW, status=403)
    for route in OF_WEBHOOK:
        await client.refused(route, id=hook, status=403)


async def test_webhook_of_another_account_is_not_found(
    admin: RestClient, foreigner: RestClient, hook: str, node: Node, account: Account
) -> None:
    await add_deliveries(node, account, hook, "delivered", 1)
    for route in OF_WEBHOOK:
        await foreigner.refused(route, id=hook, status=404)
    await foreigner.refused("update_webhook", {"enabled": False}, id=hook, status=404)
    await foreigner.refused("replay_webhook", {"after": 0}, id=hook, status=404)
    await foreigner.refused("replay_webhook", {"status": "set_aside"}, id=hook, status=404)
    await foreigner.refused("replay_webhook_delivery", id=hook, number=1, status=404)
    assert hook not in str(await foreigner.do("list_webhooks"))
    assert (await admin.do("get_webhook", id=hook))["enabled"]


async def test_rotated_secret_differs_and_the_old_one_ends(admin: RestClient) -> None:
    made = await admin.do("create_webhook", NEW)
    rotated = await admin.do("rotate_webhook_secret", id=made["id"])
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert rotated["previousSecretUntil"] > made["createdAt"]


async def test_log_is_filtered_by_status_and_has_pages(
    admin: RestClient, hook: str, node: Node, account: Account
) -> None:
    await add_deliveries(node, account, hook, "delivered", 1, 2, 5)
    await add_deliveries(node, account, hook, "set_aside", 3)
    await add_deliveries(node, account, hook, "pending", 4)
    first = await admin.do("list_webhook_deliveries", id=hook, limit=3)
    second = await admin.do("list_webhook_deliveries", id=hook, limit=3, cursor=first["nextCursor"])
    assert [one["number"] for one in first["deliveries"] + second["deliveries"]] == [5, 4, 3, 2, 1]
    for status, numbers in (("pending", [4]), ("set_aside", [3]), ("delivered", [5, 2, 1])):
        found = await admin.do("list_webhook_deliveries", id=hook, status=status)
        assert [one["number"] for one in found["deliveries"]] == numbers
    state = await admin.do("get_webhook_state", id=hook)
    assert (state["pending"], state["setAside"]) == (1, 1)


async def test_deliveries_are_replayed_by_number_status_and_position(
    admin: RestClient, hook: str, node: Node, account: Account
) -> None:
    await add_deliveries(node, account, hook, "delivered", 1)
    await add_deliveries(node, account, hook, "set_aside", 2, 3)
    assert await admin.do("replay_webhook_delivery", id=hook, number=1) == {"queued": 1}
    assert await admin.do("replay_webhook_delivery", id=hook, number=1) == {"queued": 0}
    for unknown in (9, "x", "1e3", 10**30):
        await admin.refused("replay_webhook_delivery", id=hook, number=unknown, status=404)
    assert await admin.do("replay_webhook", {"status": "set_aside"}, id=hook) == {"queued": 2}
    assert (await admin.do("get_webhook_state", id=hook))["pending"] == 3
    assert await admin.do("replay_webhook", {"after": 0}, id=hook) == {}
    assert (await admin.do("get_webhook_state", id=hook))["lastNumber"] == 0
    problem = await admin.refused("replay_webhook", {"after": 10**6}, id=hook, status=422)
    assert problem["errors"][0]["field"] == "after"
    for body in ({}, {"after": 0, "status": "set_aside"}):
        await admin.refused("replay_webhook", body, id=hook, status=422)


async def test_test_event_is_pending_in_the_log(admin: RestClient, hook: str) -> None:
    assert await admin.do("test_webhook", id=hook) == {"queued": 1}
    (delivery,) = (await admin.do("list_webhook_deliveries", id=hook))["deliveries"]
    assert (delivery["number"], delivery["type"], delivery["status"]) == (0, "test", "pending")


async def test_changes_of_webhooks_are_in_the_audit_log(admin: RestClient, hook: str) -> None:
    await admin.do("update_webhook", {"url": "https://other.example/?key=hidden"}, id=hook)
    await admin.do("rotate_webhook_secret", id=hook)
    entries = (await admin.do("list_audit_entries"))["entries"]
    theirs = [entry for entry in entries if entry["subjectId"] == hook]
    assert [entry["action"] for entry in theirs] == ["webhook.secret_rotated", "webhook.updated", "webhook.created"]
    assert "hidden" not in str(entries)
