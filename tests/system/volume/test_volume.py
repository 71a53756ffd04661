"""The short form of `make volume`: 200,000 messages in 100 accounts. Its times are printed, not judged."""

import shutil
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from bench.volume import results
from bench.volume.cluster import Server, open_server
from bench.volume.generator import PER_CONVERSATION
from bench.volume.run import Effort, Run
from tests.conftest import make_reachable_directory

pytestmark = [pytest.mark.systems, pytest.mark.timeout(600)]

MESSAGES, ACCOUNTS = 200_000, 100


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    folder = make_reachable_directory()
    async with open_server(folder) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def result(server: Server) -> results.Result:
    effort = Effort(pairs=1, seconds=2, with_plans=False)
    result = await Run(messages=MESSAGES, accounts=ACCOUNTS, effort=effort, show=print).on(server)
    print(results.table(result))
    return result


async def rows(server: Server, statement: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        return await (await connection.execute(statement.encode())).fetchall()


async def test_accounts_have_skewed_sizes(result: results.Result) -> None:
    assert result.accounts == ACCOUNTS
    assert abs(result.messages - MESSAGES) < MESSAGES / 50
    assert result.conversations == result.messages / PER_CONVERSATION
    assert result.largest > 5 * result.messages / ACCOUNTS


async def test_every_figure_was_measured(result: results.Result) -> None:
    names = [figure.name for figure in result.figures]
    assert len(set(names)) == len(names) > 15
    assert {figure.name for figure in result.figures if figure.value <= 0} == set()
    assert sum(figure.target is not None for figure in result.figures) == 2


@pytest.mark.usefixtures("result")
async def test_generated_rows_are_as_the_product_would_store_them(server: Server) -> None:
    """Sends have followed: at least the generated messages of each conversation are there, without a gap."""
    assert await rows(server, "SELECT FROM pg_index WHERE NOT indisvalid OR NOT indisready") == []
    of_conversation = (
        "SELECT FROM messages JOIN conversations ON conversations.account_id = messages.account_id "
        "AND conversations.id = conversation_id GROUP BY conversations.account_id, conversations.id "
        f"HAVING count(*) <> max(last_seq) OR max(seq) <> max(last_seq) OR count(*) < {PER_CONVERSATION}"
    )
    assert await rows(server, of_conversation) == []
    assert (
        await rows(
            server,
            "SELECT FROM messages AS one JOIN messages AS other ON other.account_id = one.account_id "
            "AND other.conversation_id = one.conversation_id AND other.seq = one.seq + 1 "
            "WHERE other.created_at < one.created_at LIMIT 1",
        )
        == []
    )


@pytest.mark.usefixtures("result")
async def test_foreign_keys_of_generated_rows_hold(server: Server) -> None:
    keys = await rows(
        server,
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' "
        "AND conrelid = ANY (ARRAY['conversations', 'messages', 'ai_runs', 'ai_results', 'past_answers']::regclass[])",
    )
    assert len(keys) > 5
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        for table, name, definition in keys:
            again = f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition}"
            await connection.execute(again.encode())


@pytest.mark.usefixtures("result")
async def test_repeated_message_is_looked_up_by_its_own_index(server: Server) -> None:
    """Not among all messages of the conversation, although a planner that knows many accounts expects few there."""
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(
            "PREPARE repeated AS SELECT FROM messages WHERE account_id = $1 AND conversation_id = $2 "
            "AND sender_id = $3 AND client_message_id = $4"
        )
        id_ = "'00000000-0000-0000-0000-000000000000'"
        cursor = await connection.execute(f"EXPLAIN EXECUTE repeated ({id_}, {id_}, {id_}, 'm')".encode())
        plan = "\n".join(line for (line,) in await cursor.fetchall())
    assert "messages_client_message_key" in plan, plan
