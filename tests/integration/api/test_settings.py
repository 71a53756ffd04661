"""Knowledge, canned replies, settings and signing keys over REST."""

import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account
from tests.running_time import running_timeout

LOOK = {
    "color": "#7c3aed",
    "position": "left",
    "texts": {"en": {"title": "Ask us", "greeting": "Hi <b>there</b>"}, "de": {"title": "Fragen?"}},
}
RETURNS = {"title": "Returns", "body": "Within 30 days.", "questions": ["How long?"], "language": "en"}


async def test_article_is_created_changed_and_deleted(admin: RestClient, account: Account) -> None:
    made = await admin.call("create_article", RETURNS)
    article, match = made.body, {"If-Match": made.headers["ETag"]}
    assert article == RETURNS | {"id": article["id"], "createdAt": article["createdAt"]}
    changed = await admin.do("update_article", {"body": "Within 60 days."}, id=article["id"], headers=match)
    assert changed == article | {"body": "Within 60 days."}
    await admin.refused("update_article", {"body": "x"}, id=article["id"], headers=match, status=412)
    assert (await admin.do("list_articles"))["articles"] == [changed]
    agent = RestClient(admin.session, account.token("agent"))
    assert await agent.do("get_article", id=article["id"]) == changed
    await agent.refused("delete_article", id=article["id"], status=403)
    await admin.do("delete_article", id=article["id"])
    for route in ("get_article", "delete_article", "list_article_drafts"):
        await admin.refused(route, id=article["id"], status=404)
    logged = [entry["action"] for entry in (await admin.do("list_audit_entries"))["entries"]]
    assert logged[:3] == ["article.deleted", "article.updated", "article.created"]


async def test_export_of_one_account_is_imported_by_another(admin: RestClient, foreigner: RestClient) -> None:
    for noun, plural, name, values in (
        ("article", "articles", "articles", RETURNS),
        ("canned_reply", "canned_replies", "cannedReplies", {"title": "Hello", "body": "Hello!"}),
    ):
        await admin.do(f"create_{noun}", values)
        exported = [
            {field: value for field, value in item.items() if field != "createdAt"}
            for item in (await admin.do(f"list_{plural}"))[name]
        ]
        for changed in (1, 0):
            assert (await foreigner.do(f"import_{plural}", {name: exported}))["changed"] == changed
        assert [item["id"] for item in (await foreigner.do(f"list_{plural}"))[name]] == [exported[0]["id"]]
        await foreigner.do(f"update_{noun}", {"title": "Theirs"}, id=exported[0]["id"])
        assert (await admin.do(f"get_{noun}", id=exported[0]["id"]))["title"] == values["title"]
        await admin.refused(f"import_{plural}", {name: [exported[0] | {"more": 1}]}, status=422)
        await admin.refused(f"import_{plural}", {name: exported * 101}, status=422)


async def test_drafts_of_an_article_are_listed(admin: RestClient, account: Account) -> None:
    article = (await admin.do("create_article", RETURNS))["id"]
    customer = await account.connect("customer", joins=True)
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": "Hello"})
    await account.execute(
        "INSERT INTO ai_results (account_id, run_id, kind, payload) "
        "SELECT account_id, id, 'draft', %(payload)s::jsonb FROM ai_runs WHERE account_id = %(account)s LIMIT 1",
        payload=json.dumps({"sources": [article]}),
    )
    [draft] = (await admin.do("list_article_drafts", id=article))["drafts"]
    assert draft["conversationId"] == str(account.conversation)


async def test_settings_are_changed_under_their_etag(admin: RestClient) -> None:
    found = await admin.call("get_settings")
    match = {"If-Match": found.headers["ETag"]}
    changes = {
        "name": "Acme",
        "aiProvider": "embedded",
        "aiDailyTokens": 1000,
        "aiDailyDollars": 2.5,
        "aiMinConfidence": 0.6,
        "aiCompany": "We sell boots",
        "aiVoice": "Short",
        "aiPolicies": "Promise nothing",
        "widgetOrigins": ["https://shop.example", "self"],
        "widgetLook": LOOK,
        "retentionDays": 30,
        "readOnView": "assignee",
    }
    changed = await admin.call("update_settings", changes, headers=match)
    assert (changed.status, changed.body) == (200, changes)
    await admin.refused("update_settings", {"name": "Other"}, headers=match, status=412)
    nothing = dict.fromkeys(
        ["aiProvider", "aiDailyTokens", "aiDailyDollars", "aiMinConfidence", "widgetLook", "retentionDays"]
    )
    assert await admin.do("update_settings", nothing) == changes | nothing | {"widgetLook": {}}
    fields = (await admin.do("list_audit_entries"))["entries"][0]["details"]["fields"]
    assert fields == [
        "ai_provider",
        "ai_daily_tokens",
        "ai_daily_dollars",
        "ai_min_confidence",
        "widget_look",
        "retention_days",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": None},
        {"aiProvider": "oracle"},
        {"aiProvider": "anthropic"},
        {"aiDailyTokens": -1},
        {"aiDailyDollars": "1"},
        {"widgetOrigins": ["https://shop.example/path"]},
        {"widgetOrigins": ["javascript:alert(1)"]},
        {"widgetOrigins": ["https://user@shop.example"]},
        {"aiMinConfidence": 1.01},
        {"aiCompany": None},
        {"aiVoice": "x" * 2001},
        {"aiPolicies": "x" * 8001},
        {"aiMinConfidence": -0.1},
        {"aiMinConfidence": "0.5"},
        {"widgetLook": []},
        {"widgetLook": {"font": "serif"}},
        {"widgetLook": {"color": "red"}},
        {"widgetLook": {"color": "#fff"}},
        {"widgetLook": {"color": "#0b5f59; background: url(//evil.example)"}},
        {"widgetLook": {"position": "top"}},
        {"widgetLook": {"showTeam": "yes"}},
        {"widgetLook": {"recordPages": 1}},
        {"widgetLook": {"preChat": "always"}},
        {"widgetLook": {"proactive": [{"texts": {}}]}},
        {"widgetLook": {"proactive": [{"texts": {"en": "x" * 201}}]}},
        {"widgetLook": {"proactive": [{"page": "boots", "texts": {"en": "Hi"}}]}},
        {"widgetLook": {"proactive": [{"texts": {"en": "Hi"}}] * 4}},
        {"widgetLook": {"texts": {"xx": {"title": "Chat"}}}},
        {"widgetLook": {"texts": {"en": {"title": "x" * 61}}}},
        {"widgetLook": {"texts": {"en": {"greeting": "x" * 201}}}},
        {"widgetLook": {"texts": {"en": {"title": " "}}}},
        {"widgetLook": {"texts": {"en": {"html": "<b>"}}}},
        {"retentionDays": 0},
        {"disabledAt": None},
    ],
)
async def test_invalid_settings_are_refused(admin: RestClient, changes: dict[str, Any]) -> None:
    before = await admin.do("get_settings")
    await admin.refused("update_settings", changes, status=422)
    assert await admin.do("get_settings") == before


async def test_settings_are_for_admins(admin: RestClient, account: Account) -> None:
    agent = RestClient(admin.session, account.token("agent"))
    for route in ("get_settings", "list_signing_keys"):
        await agent.refused(route, status=403)


async def test_customer_comes_with_a_key_that_was_made_over_rest(admin: RestClient, account: Account) -> None:
    made = await admin.do("create_signing_key", {"kid": "shop"})
    assert (made["id"], made["algorithm"], made["kind"]) == ("shop", "HS256", "secret")
    [listed] = (await admin.do("list_signing_keys"))["signingKeys"]
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    claims = {"accountId": str(account.id), "externalId": "c-7", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, made["secret"], algorithm="HS256", headers={"kid": "shop"})
    client = await account.client().connect(token=token)
    person = await client.receives("authenticated")
    assert (await admin.do("get_contact", id=person["userId"]))["externalId"] == "c-7"
    async with running_timeout(1):
        assert (await admin.do("revoke_signing_key", kid="shop"))["revokedAt"]
        assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    await admin.refused("create_signing_key", {"kid": "shop"}, status=409)
    await admin.refused("revoke_signing_key", kid="none", status=404)


def pem_of(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


async def test_public_key_determines_its_algorithm(admin: RestClient, foreigner: RestClient) -> None:
    good = pem_of(ec.generate_private_key(ec.SECP256R1()))
    made = await admin.do("create_signing_key", {"kid": "own", "publicKey": good, "issuer": "https://id.example"})
    assert (made["algorithm"], made["issuer"], "secret" in made) == ("ES256", "https://id.example", False)
    url = "https://id.example/jwks.json"
    assert (await admin.do("create_signing_key", {"jwksUrl": url}))["algorithm"] == "RS256"
    other = pem_of(ec.generate_private_key(ec.SECP384R1()))
    for body in (
        {"publicKey": other},
        {"publicKey": "none"},
        {"publicKey": good, "jwksUrl": url},
        {"algorithm": "RS256"},
        {"kid": "a/b"},
        {"jwksUrl": "https://user:secret@id.example"},
    ):
        await admin.refused("create_signing_key", body, status=422)
    await foreigner.refused("revoke_signing_key", kid="own", status=404)
    assert (await foreigner.do("list_signing_keys"))["signingKeys"] == []


async def test_article_of_another_account_is_not_found(admin: RestClient, foreigner: RestClient) -> None:
    article = (await admin.do("create_article", RETURNS))["id"]
    for route in ("get_article", "delete_article", "list_article_drafts"):
        await foreigner.refused(route, id=article, status=404)
    await foreigner.refused("update_article", {"title": "x"}, id=article, status=404)
    await foreigner.refused("get_article", id=uuid4(), status=404)
