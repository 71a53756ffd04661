"""Health, readiness, metrics and logs of a web process."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.server.node import Node
from hummdesk.server.readiness import Readiness
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running


async def test_health_and_metrics(account: Account) -> None:
    agent = await account.connect("agent")
    await agent.do("send_message", {"conversationId": str(account.conversation), "content": "a secret text"})
    await agent.receives("new_message")
    await agent.refused("no_such_event", {})
    async with aiohttp.ClientSession(account.url) as session:
        assert (await (await session.get("/health/live")).json()) == {"status": "ok"}
        async with asyncio.timeout(15):
            while (ready := await session.get("/health/ready")).status != 200:
                await asyncio.sleep(0.1)
        assert (await ready.json())["checks"] == {"postgresql": "ok", "redis": "ok", "bus": "ok"}
        figures = await (await session.get("/metrics")).text()
        assert (await session.get("/")).status == 200
        missing = await session.get("/nothing/here")
        assert missing.status == 404
        assert "Traceback" not in await missing.text()
    for line in (
        'hummdesk_connections{role="agent",state="authenticated"}',
        f'hummdesk_account_connections{{account="{account.id}"}}',
        'hummdesk_messages_total{sender_type="agent"}',
        'hummdesk_events_total{event="send_message",outcome="ok"}',
        'hummdesk_events_total{event="other",outcome="UNKNOWN_EVENT"}',
        'hummdesk_handler_seconds_count{event="send_message"}',
        'hummdesk_errors_total{code="UNKNOWN_EVENT",where="handler"}',
        'hummdesk_fanout_deliveries_total{event="new_message"}',
        "hummdesk_bus_lag_seconds",
        'hummdesk_ready{part="postgresql"} 1.0',
        'hummdesk_ready{part="redis"} 1.0',
        'hummdesk_ready{part="bus"} 1.0',
    ):
        assert line in figures


async def test_readiness_names_the_part_that_is_down(account: Account, web_settings: Settings) -> None:
    broken = replace(
        web_settings,
        redis_url="redis://127.0.0.1:1/0",
        database_url="postgresql://nobody@127.0.0.1:1/none",
        db_timeout_seconds=0.5,
    )
    async with running(broken, name="broken") as (url, node), aiohttp.ClientSession(url) as session:
        ready = await session.get("/health/ready")
        assert ready.status == 503
        assert await ready.json() == {
            "status": "unavailable",
            "checks": {"postgresql": "down", "redis": "down", "bus": "down"},
        }
        assert (await session.get("/health/live")).status == 200
        await Readiness(node.context.database, node.context.presence, node.context.reader).checks()
        assert 'hummdesk_ready{part="redis"} 0.0' in metrics.exposition().decode()
        client = account.client()
        await client.connect(token=account.token("agent"), url=url)
        assert (await client.receives("authentication_error"))["code"] == "UNAVAILABLE"


async def test_without_redis_messages_are_still_stored(account: Account, web_settings: Settings) -> None:
    alone = replace(web_settings, redis_url="redis://127.0.0.1:1/0", shutdown_seconds=0.5)
    async with running(alone, name="alone") as (url, _):
        agent = await account.client().connect(token=account.token("agent"), url=url)
        await agent.receives("authenticated")
        message = {"conversationId": str(account.conversation), "content": "Kept"}
        assert (await agent.do("send_message", message))["seq"] == 1
        assert await agent.refused("get_presence") == "UNAVAILABLE"


async def test_log_of_failed_http_request_has_no_token(
    account: Account, first: tuple[str, Node], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, node = first

    async def fail(*_: object) -> None:
        raise ValueError("inside")

    monkeypatch.setattr(node.server.eio, "open_session", fail)
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{url}/socket.io/?EIO=4&transport=polling&token=t0p-s3cret")
        assert answer.status == 500
        assert "inside" not in await answer.text()
    assert "http.request_failed" in caplog.text
    assert "t0p-s3cret" not in caplog.text
