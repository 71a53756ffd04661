"""Promise 4: an account sees no row and no count of another."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hummdesk.storage.database import Database
from hummdesk.storage.personal_data import TABLES

pytestmark = pytest.mark.usefixtures("account")

ROOT = Path(__file__).parents[3]

TENANT_TABLES = """
    SELECT
        relname AS name,
        relrowsecurity AND relforcerowsecurity AS forced,
        pg_get_userbyid(relowner) AS owner,
        (SELECT attname FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum = 1) AS first_column
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
      AND relkind IN ('r', 'p')
      AND relname NOT IN ('schema_migrations', 'epochs', 'event_stream')
    ORDER BY relname
"""


@pytest.fixture
async def pool_of_one(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_app", size=1, timeout=20)
    await database.open()
    yield database
    await database.close()


async def tables(account: Any) -> list[str]:
    """The tables that web processes read: no receipts of erasures, changes without a number, deleted files, copies."""
    names = [name for name, *_ in await account.execute(TENANT_TABLES)]
    return [
        name for name in names if name not in ("conversation_subjects", "erasures", "feed_changes", "file_deletions")
    ]


async def rows(tx: Any, table: str) -> int:
    cursor = await tx.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(table)))
    return int((await cursor.fetchone())["rows"])


async def test_every_table_forces_row_level_security_and_begins_with_the_account(account: Any) -> None:
    found = await account.execute(TENANT_TABLES)
    assert {name for name, *_ in found} == {table.name for table in TABLES} | {"erasures", "file_deletions"}
    for name, forced, owner, first_column in found:
        assert forced, name
        assert not owner.startswith("hummdesk_"), name
        assert first_column == "account_id", name


async def test_every_index_begins_with_the_account(account: Any) -> None:
    indexes = await account.execute(
        "SELECT indexrelid::regclass::text, attname FROM pg_index "
        "JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = 'public'::regnamespace "
        "JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] "
        "WHERE relname NOT IN ('schema_migrations', 'epochs', 'event_stream')"
    )
    assert len(indexes) > 20
    assert {name for name, column in indexes if column != "account_id"} == {
        "ai_runs_retried",  # for the relay
        "ai_runs_taken",  # for the relay
        "ai_runs_waiting",  # for the relay
        "ai_runs_waiting_others",  # for the relay
        "ai_simulations_unattended",  # for the relay
        "ai_simulations_waiting",  # for the relay
        "file_deletions_due",  # for the relay
        "files_expiring",  # for the relay
        "files_waiting_for_scan",  # for the relay
        "conversations_snoozed",  # for the relay
        "queue_moves_recent",  # for the relay
        "sign_in_names_name_key",  # before the sign-in no account is known
    }


async def test_every_foreign_key_includes_the_account(account: Any) -> None:
    keys = await account.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    assert len(keys) > 10
    for name, definition in keys:
        assert definition.startswith("FOREIGN KEY (account_id"), name
        assert "(account_id" in definition.split("REFERENCES")[1], name


async def test_runtime_roles_own_nothing_and_cannot_log_in(account: Any) -> None:
    roles = await account.execute(
        "SELECT rolname, rolcanlogin OR rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole FROM pg_roles "
        "WHERE rolname LIKE 'hummdesk\\_%%' ORDER BY rolname"
    )
    names = (
        "hummdesk_app",
        "hummdesk_author",
        "hummdesk_backup",
        "hummdesk_eraser",
        "hummdesk_feed",
        "hummdesk_operator",
        "hummdesk_relay",
        "hummdesk_search",
        "hummdesk_worker",
        "hummdesk_writer",
    )
    assert roles == [(name, False) for name in names]
    owned = await account.execute(
        "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid IN "
        "(SELECT oid FROM pg_roles WHERE rolname IN ('hummdesk_app', 'hummdesk_relay', 'hummdesk_operator'))"
    )
    assert owned == [(0,)]
    functions = await account.execute("SELECT proname FROM pg_proc WHERE proowner = 'hummdesk_search'::regrole")
    known = "account_of_sign_in_name contact_of_email copy_subject estimated_matches find_contacts find_conversations"
    assert sorted(functions) == [(name,) for name in [*known.split(), "rare_words", "search_conversations"]]
    functions = await account.execute("SELECT proname FROM pg_proc WHERE proowner = 'hummdesk_author'::regrole")
    assert functions == [("change_message",)]


async def test_functions_of_the_feed_belong_to_its_role_and_qualify_their_names(account: Any) -> None:
    functions = await account.execute(
        "SELECT proname, prosecdef, proconfig, proacl::text FROM pg_proc "
        "WHERE proowner = 'hummdesk_feed'::regrole ORDER BY proname"
    )
    assert len(functions) == 10
    for name, is_definer, config, privileges in functions:
        assert is_definer, name
        assert "search_path=pg_catalog, public, pg_temp" in config, name
        assert "=X/" not in privileges.replace("hummdesk_app=X/", "").replace("hummdesk_relay=X/", "").replace(
            "hummdesk_feed=X/", ""
        ).replace("hummdesk_operator=X/", ""), name


async def test_documented_functions_with_the_rights_of_their_owner_are_those_of_the_schema(account: Any) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    table = page.partition("| owner | functions | effect |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if "`" in line]
    documented = [(owner.strip(" `"), name) for owner, names in rows for name in re.findall(r"`(\w+)`", names)]
    functions = await account.execute(
        "SELECT CASE WHEN proowner = relowner THEN 'owner of the database' ELSE pg_get_userbyid(proowner) END, proname "
        "FROM pg_proc, pg_class WHERE prosecdef AND pronamespace = 'public'::regnamespace "
        "AND pg_class.oid = 'public.accounts'::regclass"
    )
    assert sorted(documented) == sorted(functions)


async def test_transaction_without_account_sees_no_row(account: Any, pool_of_one: Database) -> None:
    await account.send(account.customer)
    async with pool_of_one.all_accounts() as tx:
        assert {table: await rows(tx, table) for table in await tables(account)} == dict.fromkeys(
            await tables(account), 0
        )


@pytest.mark.parametrize("end", ["commit", "rollback", "cut"])
async def test_connection_keeps_no_account_of_the_transaction_before(
    account: Any, pool_of_one: Database, end: str
) -> None:
    await account.send(account.customer)
    try:
        async with pool_of_one.account(account.id) as tx:
            assert await rows(tx, "messages") == 1
            if end == "rollback":
                raise LookupError
            if end == "cut":
                await account.execute("SELECT pg_terminate_backend(%(pid)s)", pid=tx.info.backend_pid)
                raise LookupError
    except LookupError:
        pass
    async with pool_of_one._pool.connection() as tx:  # the same connection, before it is given an account
        await tx.execute("SET LOCAL ROLE hummdesk_app")
        for table in await tables(account):
            assert await rows(tx, table) == 0, table


async def test_account_sees_its_own_rows_only(account: Any, foreign: Any) -> None:
    for one in (account, foreign):
        await one.send(one.customer)
        await one.execute("INSERT INTO knowledge_articles VALUES (%(account)s, gen_random_uuid(), 'T', 'B')")
    async with account.tx() as tx:
        for table in await tables(account):
            query = sql.SQL("SELECT DISTINCT account_id FROM {}").format(sql.Identifier(table))
            found = [row["account_id"] async for row in await tx.execute(query)]
            assert found in ([], [account.id]), table


async def test_insert_into_another_account_is_refused(account: Any, foreign: Any) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with account.tx() as tx:
            await tx.execute(
                "INSERT INTO conversations (account_id, id, contact_id) VALUES (%s, gen_random_uuid(), %s)",
                (foreign.id, foreign.customer.id),
            )
    async with account.tx() as tx:
        changed = await tx.execute("UPDATE conversations SET status = 'closed' WHERE account_id = %s", (foreign.id,))
        assert changed.rowcount == 0


async def test_conversation_of_foreign_contact_is_refused(account: Any, foreign: Any) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await account.start(foreign.customer)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (account_id, id, email, name, role) "
        "VALUES (%(foreign)s, gen_random_uuid(), 'a', 'a', 'admin')",
        "INSERT INTO contacts (account_id, id, email, name) VALUES (%(foreign)s, gen_random_uuid(), 'a', 'a')",
        "INSERT INTO teams (account_id, id, name) VALUES (%(foreign)s, gen_random_uuid(), 'a')",
        "INSERT INTO knowledge_articles (account_id, id, title, body) "
        "VALUES (%(foreign)s, gen_random_uuid(), 'a', 'a')",
        "INSERT INTO signing_keys (account_id, kid, algorithm, public_key) VALUES (%(foreign)s, 'a', 'RS256', 'a')",
        "UPDATE signing_keys SET revoked_at = NULL WHERE kid = 'own'",
    ],
)
async def test_web_process_cannot_write_into_another_account_nor_restore_a_key(
    account: Any, foreign: Any, statement: str
) -> None:
    await account.execute(
        "INSERT INTO signing_keys (account_id, kid, algorithm, public_key, revoked_at) "
        "VALUES (%(account)s, 'own', 'RS256', 'a', now())"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with account.tx() as tx:
            await tx.execute(statement.encode(), {"foreign": foreign.id})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET role = 'viewer'",
        "UPDATE contacts SET name = 'Other'",
        "UPDATE teams SET active = false",
        "UPDATE accounts SET name = 'Other'",
        "UPDATE conversations SET contact_id = contact_id",
        "DELETE FROM team_members",
        "DELETE FROM contacts",
    ],
)
async def test_change_of_everything_changes_nothing_of_another_account(
    account: Any, foreign: Any, statement: str
) -> None:
    snapshot = (
        "SELECT (SELECT jsonb_agg(users) FROM users WHERE account_id = %(account)s), "
        "(SELECT jsonb_agg(contacts) FROM contacts WHERE account_id = %(account)s), "
        "(SELECT jsonb_agg(teams) FROM teams WHERE account_id = %(account)s), "
        "(SELECT jsonb_agg(accounts) FROM accounts WHERE account_id = %(account)s), "
        "(SELECT jsonb_agg(team_members) FROM team_members WHERE account_id = %(account)s)"
    )
    before = await foreign.execute(snapshot)
    async with account.tx() as tx:
        await tx.execute(statement.encode())
    assert await foreign.execute(snapshot) == before
    assert [name async for name in _contacts(account)] == ["customer@example.com", "stranger@example.com"]


async def test_web_process_attributes_messages_to_the_customer_of_the_conversation_only(account: Any) -> None:
    for sender in (account.customer, account.agent):
        await account.send(sender)
    change = b"UPDATE messages SET sender_id = %s WHERE sender_id = %s"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with account.tx() as tx:
            await tx.execute(change, (account.stranger.id, account.customer.id))
    async with account.tx() as tx:
        cursor = await tx.execute(change, (account.customer.id, account.agent.id))
        assert cursor.rowcount == 0
        cursor = await tx.execute(change, (account.customer.id, account.customer.id))
        assert cursor.rowcount == 1


async def _contacts(account: Any) -> AsyncIterator[str]:
    """The addresses of the contacts, of whom none is a visitor and may be deleted."""
    for row in await account.execute("SELECT email FROM contacts WHERE account_id = %(account)s ORDER BY email"):
        yield row[0]


async def test_worker_sees_the_named_accounts_only(account: Any, foreign: Any, database_url: str) -> None:
    for one in (account, foreign):
        await one.send(one.customer)
    worker = Database(database_url, role="hummdesk_worker", size=1, timeout=20)
    await worker.open()
    for named in ([account.id], [account.id, foreign.id], []):
        async with worker.accounts(named) as tx:
            for table in ("messages", "conversations", "ai_runs"):
                query = sql.SQL("SELECT DISTINCT account_id FROM {}").format(sql.Identifier(table))
                assert {row["account_id"] async for row in await tx.execute(query)} == set(named), table
            assert await rows(tx, "contacts") == 0
    async with worker.account(account.id) as tx:
        found = await tx.execute("SELECT DISTINCT account_id FROM messages")
        assert [row["account_id"] async for row in found] == [account.id]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with worker.accounts([account.id]) as tx:
            await tx.execute(
                "INSERT INTO conversations (account_id, id, contact_id) VALUES (%s, gen_random_uuid(), %s)",
                (foreign.id, foreign.customer.id),
            )
    await worker.close()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("hummdesk_app", "DELETE FROM messages"),
        ("hummdesk_app", "UPDATE messages SET content = ''"),
        ("hummdesk_app", "DELETE FROM conversation_events"),
        ("hummdesk_app", "UPDATE conversation_events SET details = '{}'"),
        ("hummdesk_app", "TRUNCATE messages"),
        ("hummdesk_app", "DELETE FROM conversations"),
        ("hummdesk_app", "UPDATE conversations SET account_id = account_id"),
        ("hummdesk_app", "UPDATE users SET account_id = account_id"),
        ("hummdesk_app", "UPDATE users SET id = id"),
        ("hummdesk_app", "DELETE FROM users"),
        ("hummdesk_app", "UPDATE contacts SET account_id = account_id"),
        ("hummdesk_app", "UPDATE teams SET account_id = account_id"),
        ("hummdesk_app", "DELETE FROM teams"),
        ("hummdesk_app", "UPDATE accounts SET disabled_at = NULL"),
        ("hummdesk_app", "UPDATE accounts SET erased_before = NULL"),
        ("hummdesk_app", "INSERT INTO accounts (account_id) VALUES (NULL)"),
        ("hummdesk_app", "UPDATE schema_migrations SET checksum = ''"),
        ("hummdesk_app", "DELETE FROM schema_migrations"),
        ("hummdesk_app", "SELECT FROM epochs"),
        ("hummdesk_app", "UPDATE epochs SET number = 0"),
        ("hummdesk_app", "SELECT FROM event_stream"),
        ("hummdesk_relay", "UPDATE event_stream SET shards = 32"),
        ("hummdesk_app", "CREATE TABLE mine ()"),
        ("hummdesk_app", "ALTER TABLE messages DISABLE ROW LEVEL SECURITY"),
        ("hummdesk_app", "DROP POLICY own_account ON messages"),
        ("hummdesk_app", "UPDATE signing_keys SET secret = NULL"),
        ("hummdesk_app", "UPDATE signing_keys SET account_id = account_id"),
        ("hummdesk_app", "DELETE FROM signing_keys"),
        ("hummdesk_app", "UPDATE accounts SET passes_revoked_at = NULL"),
        ("hummdesk_app", "UPDATE contacts SET passes_revoked_at = NULL"),
        ("hummdesk_writer", "SELECT FROM signing_keys"),
        ("hummdesk_app", "UPDATE sign_in_links SET used_at = NULL, expires_at = 'infinity'"),
        ("hummdesk_app", "UPDATE staff_sessions SET user_id = id"),
        ("hummdesk_app", "DELETE FROM staff_sessions"),
        ("hummdesk_operator", "INSERT INTO staff_sessions (account_id) VALUES (NULL)"),
        ("hummdesk_relay", "SELECT FROM staff_sessions"),
        ("hummdesk_writer", "SELECT FROM staff_sessions"),
        ("hummdesk_writer", "SELECT FROM sign_in_links"),
        ("hummdesk_relay", "SELECT FROM signing_keys"),
        ("hummdesk_operator", "UPDATE signing_keys SET account_id = account_id"),
        ("hummdesk_operator", "UPDATE signing_keys SET algorithm = 'HS256'"),
        ("hummdesk_worker", "DELETE FROM messages"),
        ("hummdesk_worker", "UPDATE messages SET content = ''"),
        ("hummdesk_worker", "UPDATE users SET account_id = account_id"),
        ("hummdesk_relay", "UPDATE users SET role = 'admin'"),
        ("hummdesk_writer", "UPDATE users SET role = 'admin'"),
        ("hummdesk_writer", "SELECT content FROM messages"),
        ("hummdesk_writer", "SELECT metadata FROM messages"),
        ("hummdesk_writer", "SELECT name FROM users"),
        ("hummdesk_writer", "SELECT email FROM contacts"),
        ("hummdesk_writer", "SELECT subject FROM conversations"),
        ("hummdesk_writer", "SELECT FROM ai_results"),
        ("hummdesk_writer", "SELECT answer FROM past_answers"),
        ("hummdesk_writer", "DELETE FROM messages"),
        ("hummdesk_writer", "UPDATE messages SET seq = 1"),
        ("hummdesk_writer", "UPDATE conversations SET contact_id = contact_id"),
        ("hummdesk_writer", "UPDATE ai_runs SET status = 'done'"),
        ("hummdesk_app", "DELETE FROM outbox"),
        ("hummdesk_app", "DELETE FROM past_answers"),
        ("hummdesk_app", "UPDATE past_answers SET account_id = account_id"),
        ("hummdesk_app", "SELECT FROM conversation_subjects"),
        ("hummdesk_app", "SELECT FROM feed_changes"),
        ("hummdesk_app", "INSERT INTO feed_changes (account_id) VALUES (NULL)"),
        ("hummdesk_app", "DELETE FROM feed_events"),
        ("hummdesk_app", "UPDATE feed_positions SET last_number = 0"),
        ("hummdesk_app", "SELECT number_changes(current_account(), 1)"),
        ("hummdesk_app", "SELECT sequence_feeds(gen_random_uuid(), 1)"),
        ("hummdesk_writer", "INSERT INTO feed_changes (account_id) VALUES (NULL)"),
        ("hummdesk_relay", "SELECT subject_id FROM feed_changes"),
        ("hummdesk_relay", "DELETE FROM feed_changes"),
        ("hummdesk_relay", "UPDATE feed_events SET number = 1"),
        ("hummdesk_app", "UPDATE webhooks SET leased_by = NULL"),
        ("hummdesk_app", "UPDATE webhooks SET account_id = account_id"),
        ("hummdesk_app", "UPDATE webhook_deliveries SET last_error = 'x'"),
        ("hummdesk_app", "DELETE FROM webhook_deliveries"),
        ("hummdesk_worker", "UPDATE webhook_deliveries SET number = 1"),
        ("hummdesk_relay", "UPDATE webhooks SET url = 'https://hooks.example/'"),
        ("hummdesk_relay", "UPDATE webhooks SET secret = ''"),
        ("hummdesk_relay", "INSERT INTO webhooks (account_id) VALUES (NULL)"),
        ("hummdesk_relay", "INSERT INTO outbox (account_id) VALUES (NULL)"),
        ("hummdesk_relay", "SELECT FROM messages"),
        ("hummdesk_relay", "SELECT name FROM accounts"),
        ("hummdesk_relay", "SELECT FROM users"),
        ("hummdesk_relay", "SELECT FROM ai_results"),
        ("hummdesk_relay", "SELECT answer FROM past_answers"),
        ("hummdesk_relay", "INSERT INTO ai_runs (account_id) VALUES (NULL)"),
        ("hummdesk_relay", "UPDATE ai_runs SET account_id = NULL"),
        ("hummdesk_relay", "DELETE FROM ai_runs"),
        ("hummdesk_operator", "DELETE FROM messages"),
        ("hummdesk_operator", "UPDATE messages SET content = ''"),
        ("hummdesk_operator", "UPDATE conversation_events SET details = '{}'"),
        ("hummdesk_operator", "DELETE FROM conversations"),
        ("hummdesk_operator", "DELETE FROM conversation_events"),
        ("hummdesk_operator", "SELECT FROM schema_migrations"),
        ("hummdesk_app", "SELECT FROM erasures"),
        ("hummdesk_relay", "SELECT FROM erasures"),
        ("hummdesk_eraser", "INSERT INTO messages (account_id) VALUES (NULL)"),
        ("hummdesk_eraser", "UPDATE messages SET seq = 1"),
        ("hummdesk_eraser", "UPDATE users SET role = 'admin'"),
        ("hummdesk_eraser", "UPDATE accounts SET retention_days = 1"),
        ("hummdesk_eraser", "UPDATE erasures SET subject = 'account'"),
    ],
)
async def test_statement_beyond_the_privileges_of_a_role_is_refused(
    database_url: str, role: Any, statement: str
) -> None:
    database = Database(database_url, role=role, size=1, timeout=20)
    await database.open()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.all_accounts() as tx:
            await tx.execute(statement.encode())
    await database.close()
