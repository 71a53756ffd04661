"""One-time sign-in links and staff sessions in the database."""

import asyncio
from uuid import uuid4

import pytest

from hummdesk.core.account_secrets import AccountSecret
from hummdesk.core.errors import NotFound
from hummdesk.storage import sign_in_links, staff_sessions
from hummdesk.storage.database import Database
from hummdesk.storage.retention import prune_sign_ins
from tests.integration.storage.conftest import Account


async def link(account: Account, seconds: float = 60) -> AccountSecret:
    async with account.tx() as tx:
        secret = AccountSecret.parsed(await sign_in_links.create_link(tx, account.agent.id, seconds))
    assert secret is not None
    assert secret.account_id == account.id
    return secret


async def redeem(account: Account, secret: AccountSecret) -> object:
    async with account.tx() as tx:
        return await sign_in_links.redeem(tx, secret)


async def sign_in(account: Account) -> AccountSecret:
    secret = AccountSecret.new(account.id)
    async with account.tx() as tx:
        await staff_sessions.add(
            tx, secret, user_id=account.agent.id, signed_in_by="link", user_agent="x" * 999, network="::", hours=1
        )
    return secret


async def use(account: Account, secret: AccountSecret, idle_hours: float = 1) -> staff_sessions.SignedIn | None:
    async with account.tx() as tx:
        return await staff_sessions.use(tx, secret, idle_hours=idle_hours)


async def test_link_redeemed_by_many_at_once_signs_in_one(account: Account) -> None:
    secret = await link(account)
    found = await asyncio.gather(*(redeem(account, secret) for _ in range(5)))
    assert sorted(map(str, found)) == ["None"] * 4 + [str(account.agent.id)] or found.count(account.agent.id) == 1
    assert found.count(None) == 4


async def test_expired_unknown_and_foreign_links_are_refused(account: Account, foreign: Account) -> None:
    secret = await link(account)
    assert await redeem(foreign, secret) is None
    assert await redeem(account, AccountSecret.new(account.id)) is None
    assert await redeem(account, await link(account, seconds=0)) is None
    secret = await link(account)
    await account.execute("UPDATE users SET active = false WHERE account_id = %(account)s")
    assert await redeem(account, secret) is None


async def test_new_link_replaces_the_earlier_ones_of_its_user(account: Account) -> None:
    first = await link(account)
    async with account.tx() as tx:
        of_another = AccountSecret.parsed(await sign_in_links.create_link(tx, account.admin.id))
    second = await link(account)
    assert of_another is not None
    assert await redeem(account, first) is None
    assert await redeem(account, of_another) == account.admin.id
    assert await redeem(account, second) == account.agent.id


async def test_link_of_an_unknown_disabled_or_foreign_user_is_not_created(account: Account, foreign: Account) -> None:
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.viewer.id)
    for user_id in (uuid4(), account.viewer.id, foreign.agent.id, account.customer.id):
        with pytest.raises(NotFound):
            async with account.tx() as tx:
                await sign_in_links.create_link(tx, user_id)


async def test_database_stores_no_secret(account: Account) -> None:
    secrets = [await link(account), await sign_in(account)]
    stored = await account.execute(
        "SELECT secret_hash FROM sign_in_links WHERE account_id = %(account)s "
        "UNION ALL SELECT secret_hash FROM staff_sessions WHERE account_id = %(account)s"
    )
    assert [row for (row,) in stored] == [secret.hash for secret in secrets]


async def test_session_ends_when_it_is_revoked_idle_expired_or_its_user_disabled(account: Account) -> None:
    first, second = await sign_in(account), await sign_in(account)
    used = await use(account, first)
    assert used is not None
    assert used.user_id == account.agent.id
    assert await use(account, first, idle_hours=0) is None
    async with account.tx() as tx:
        assert not await staff_sessions.revoke(tx, None, used.session_id, user_id=account.admin.id)
        assert await staff_sessions.is_active(tx, used.session_id)
        assert await staff_sessions.revoke(tx, None, used.session_id, user_id=account.agent.id)
        assert not await staff_sessions.revoke(tx, None, used.session_id)
        assert not await staff_sessions.is_active(tx, used.session_id)
        [left], _ = await staff_sessions.page(tx, user_id=None, idle_hours=1, limit=9)
    assert len(left.user_agent) == staff_sessions.LONGEST_USER_AGENT
    assert await use(account, first) is None
    await account.execute("UPDATE users SET active = false WHERE account_id = %(account)s")
    assert await use(account, second) is None
    await account.execute("UPDATE users SET active = true WHERE account_id = %(account)s")
    assert await use(account, second) is not None
    await account.execute("UPDATE staff_sessions SET expires_at = now() WHERE account_id = %(account)s")
    assert await use(account, second) is None


async def test_session_of_another_account_is_unknown(account: Account, foreign: Account) -> None:
    secret = await sign_in(account)
    assert await use(foreign, secret) is None
    async with foreign.tx() as tx:
        assert await staff_sessions.page(tx, user_id=None, idle_hours=1, limit=9) == ([], None)
        assert await staff_sessions.revoke_all(tx, account.agent.id) == 0
    async with account.tx() as tx:
        assert await staff_sessions.revoke_all(tx, account.agent.id) == 1


async def test_retention_deletes_what_has_expired(account: Account, database_url: str) -> None:
    await link(account, seconds=0)
    kept = await link(account)
    await sign_in(account)
    eraser = Database(database_url, role="hummdesk_eraser", size=1, timeout=20)
    await eraser.open()
    try:
        async with eraser.all_accounts() as tx:
            links, _ = await prune_sign_ins(tx)
        assert links >= 1
        assert await redeem(account, kept) is not None
    finally:
        await eraser.close()
