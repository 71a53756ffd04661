"""Processor time and memory of the console in long conversations and long days."""

import json
import statistics
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser, CDPSession, expect

from hummdesk.dev import demo
from tests.system.browser.conftest import DemoAccount
from tests.system.browser.console_page import ConsolePage

pytestmark = [pytest.mark.systems, pytest.mark.timeout(240)]

NUMBER = 3
"""Of an account that no other test uses."""
MESSAGES = 5000
KEYS = "The parcel has left our house this morning."
ROUNDS = 3
FRAME_MS = 16
"""Limit of the processor time of a key: a frame at 60 Hz. It is 6 to 9 ms, in a short conversation 5 to 8 ms."""
LIST_MS = 400
"""Limit of the processor time of the page until the list is shown, of a first load: it is 160 to 250 ms."""
SWITCHES = 200
GROWTH = 1.1
"""Of 1.2 MB of objects, 10 % are 600 bytes a switch; they grow by 0.3 %."""
OBJECTS = {"array", "closure", "concatenated string", "number", "object", "sliced string", "string"}
"""The types of nodes in a snapshot of the heap that are the page's own."""

ADD_MESSAGES = """
    WITH target AS (
        SELECT account_id, id, contact_id, last_seq FROM conversations WHERE id = %(conversation)s
    ), added AS (
        INSERT INTO messages (
            account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type, created_at
        )
        SELECT
            account_id, gen_random_uuid(), id, seq, contact_id, 'customer', 'Customer',
            'Message ' || seq || repeat(' of a long conversation', 1 + seq::integer %% 5), 'text',
            now() - make_interval(mins => (%(messages)s - seq)::integer)
        FROM target, generate_series(last_seq + 1, %(messages)s) AS seq
    )
    UPDATE conversations
    SET last_seq = %(messages)s, last_public_seq = %(messages)s, updated_at = now()
    WHERE id = %(conversation)s
"""
LOAD_ALL = """() => new Promise((done) => {
    const log = document.querySelector(".messages");
    const next = () => {
        const button = log.querySelector(".older");
        if (!button) {
            observer.disconnect();
            done(log.querySelectorAll("article").length);
        } else if (!button.disabled) {
            button.click();
        }
    };
    const observer = new MutationObserver(next);
    observer.observe(log, { childList: true, subtree: true, attributes: true });
    next();
})"""
FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
SWITCH = """async ([ids, count]) => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    for (let n = 0; n < count; n++) {
        const id = ids[n % ids.length];
        document.querySelector(`[data-conversation="${id}"]`).click();
        do await frame();
        while (!location.pathname.endsWith(id) || !document.querySelector("[role=log] article"));
    }
}"""

CLICK = "ids => ids.forEach((id) => document.querySelector(`[data-conversation='${id}']`).click())"


@pytest.fixture(scope="module")
async def long_account(account: DemoAccount) -> DemoAccount:
    (loaded,) = (await demo.load(account.settings, first=NUMBER, accounts=1, customers=8))["accounts"]
    return DemoAccount(account.desk, loaded)


@pytest.fixture
async def console(chromium: Browser, long_account: DemoAccount) -> AsyncIterator[ConsolePage]:
    context = await chromium.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    token = long_account.agents[0]["token"]
    await context.add_init_script(f"sessionStorage.setItem('hummdesk.token', '{token}')")
    yield ConsolePage(await context.new_page())
    await context.close()


async def metrics(session: CDPSession) -> dict[str, float]:
    found: dict[str, Any] = await session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in found["metrics"]}


async def test_key_in_conversation_of_5000_messages_takes_less_than_a_frame(
    console: ConsolePage, long_account: DemoAccount
) -> None:
    """Processor time of the page's thread from a key to its frame, since the machine of a test may stand still."""
    conversation, short = long_account.conversations[:2]
    async with await psycopg.AsyncConnection.connect(long_account.settings.postgres) as connection:
        await connection.execute(ADD_MESSAGES, {"conversation": conversation, "messages": MESSAGES})
    session = await console.page.context.new_cdp_session(console.page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    await console.page.goto(f"{long_account.url}/c/{short}")
    await expect(console.page.locator("[role=log] article").first).to_be_visible()
    few = await rounds_ms(console, session)
    await console.page.goto(f"{long_account.url}/c/{conversation}")
    await expect(console.message(f"Message {MESSAGES}")).to_be_visible()
    assert await console.page.evaluate(LOAD_ALL) == MESSAGES
    many = await rounds_ms(console, session)
    print(f"p95 of a key, processor time in ms, by round: {few}, with {MESSAGES} messages {many}")
    assert min(many) <= FRAME_MS, (few, many)


async def test_first_load_takes_less_than_400_ms_of_processor_time(
    chromium: Browser, long_account: DemoAccount
) -> None:
    """Processor time of the page's thread, with an empty cache."""
    taken = []
    for _ in range(ROUNDS):
        context = await chromium.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
        token = long_account.agents[0]["token"]
        await context.add_init_script(f"sessionStorage.setItem('hummdesk.token', '{token}')")
        console = ConsolePage(await context.new_page())
        session = await context.new_cdp_session(console.page)
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        await console.page.goto(long_account.url)
        await expect(console.row(long_account.conversations[-1])).to_be_visible()
        taken.append(1000 * (await metrics(session))["TaskDuration"])
        await context.close()
    print(f"processor time in ms until the list is shown: {taken}")
    assert min(taken) <= LIST_MS, taken


async def rounds_ms(console: ConsolePage, session: CDPSession) -> list[float]:
    """Type into the conversation that is open; return the times of `typing_ms`."""
    await console.page.keyboard.press("r")
    return [await typing_ms(console, session) for _ in range(ROUNDS)]


async def typing_ms(console: ConsolePage, session: CDPSession) -> float:
    """Type a sentence; return the 95th percentile of the processor time of its keys."""
    taken = []
    for key in KEYS:
        before = (await metrics(session))["TaskDuration"]
        await console.page.keyboard.type(key)
        await console.page.evaluate(FRAME)
        taken.append(1000 * ((await metrics(session))["TaskDuration"] - before))
    return statistics.quantiles(taken, n=20)[-1]


async def test_objects_stay_the_same_over_200_switches_of_the_conversation(
    console: ConsolePage, long_account: DemoAccount
) -> None:
    """Without compiled code, which the browser adds to for a thousand switches."""
    ids = long_account.conversations[1:]
    await console.page.goto(long_account.url)
    await expect(console.row(ids[-1])).to_be_visible()
    session = await console.page.context.new_cdp_session(console.page)
    await session.send("Performance.enable")
    await console.page.evaluate(SWITCH, [ids, SWITCHES])  # caches are there after these
    before = await held(session)
    await console.page.evaluate(SWITCH, [ids, SWITCHES])
    after = await held(session)
    figures = {name: (before[name], after[name]) for name in before}
    print(f"before and after {SWITCHES} switches: {figures}")
    assert all(last <= GROWTH * first for first, last in figures.values()), figures


async def test_conversations_passed_by_are_not_joined(console: ConsolePage, long_account: DemoAccount) -> None:
    """As with a key held down: the requests would exceed the rate limit of a socket."""
    joins: list[str] = []

    def record(frame: str | bytes) -> None:
        if "join_conversation" in str(frame):
            joins.append(str(frame))

    console.page.on("websocket", lambda socket: socket.on("framesent", record))
    *passed, last = long_account.conversations[1:]
    await console.page.goto(f"{long_account.url}/c/{passed[0]}")
    await expect(console.row(last)).to_be_visible()
    await expect(console.page.locator("[role=log] article").first).to_be_visible()
    await console.page.evaluate(CLICK, [*passed[1:], last])
    await console.page.evaluate(SWITCH, [[last], 1])  # waits until it is shown
    assert [one for one in passed[2:] if any(one in frame for frame in joins)] == []
    assert any(last in frame for frame in joins)


async def held(session: CDPSession) -> dict[str, float]:
    """The bytes of the objects that the page holds, and the numbers of its nodes and listeners."""
    for _ in range(2):  # what a finalizer releases is collected by the next one
        await session.send("HeapProfiler.collectGarbage")
    found = await metrics(session)
    return {"bytes": await object_bytes(session), "nodes": found["Nodes"], "listeners": found["JSEventListeners"]}


async def object_bytes(session: CDPSession) -> int:
    """The bytes of strings, arrays, objects and functions in a snapshot of the heap."""
    chunks: list[str] = []

    def add(event: dict[str, str]) -> None:
        chunks.append(event["chunk"])

    session.on("HeapProfiler.addHeapSnapshotChunk", add)
    await session.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    session.remove_listener("HeapProfiler.addHeapSnapshotChunk", add)
    snapshot = json.loads("".join(chunks))
    meta, nodes = snapshot["snapshot"]["meta"], snapshot["nodes"]
    fields = meta["node_fields"]
    types = [meta["node_types"][0][number] for number in nodes[fields.index("type") :: len(fields)]]
    sizes = nodes[fields.index("self_size") :: len(fields)]
    return sum(size for kind, size in zip(types, sizes, strict=True) if kind in OBJECTS)
