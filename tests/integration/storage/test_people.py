import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.storage import directory, moves, people
from hummdesk.storage.database import Database


async def test_find_person_returns_user_with_role_and_teams(account: Any) -> None:
    async with account.tx() as tx:
        for name in ("admin", "agent", "colleague", "viewer"):
            person = account.people[name]
            assert await people.find_person(tx, person_id=person.id, customer=False) == person
            assert await people.find_person(tx, person_id=person.id, customer=True) is None


async def test_find_person_returns_contact_as_customer(account: Any) -> None:
    async with account.tx() as tx:
        found = await people.find_person(tx, person_id=account.customer.id, customer=True)
        assert found == account.customer
        assert await people.find_person(tx, person_id=account.customer.id, customer=False) is None


async def test_find_person_unknown_foreign_or_inactive_returns_none(account: Any, foreign: Any) -> None:
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.agent.id)
    await account.execute("UPDATE contacts SET active = false WHERE id = %(id)s", id=account.customer.id)
    async with account.tx() as tx:
        assert await people.find_person(tx, person_id=new_id(), customer=False) is None
        assert await people.find_person(tx, person_id=foreign.agent.id, customer=False) is None
        assert await people.find_person(tx, person_id=foreign.customer.id, customer=True) is None
        assert await people.find_person(tx, person_id=account.agent.id, customer=False) is None
        assert await people.find_person(tx, person_id=account.customer.id, customer=True) is None


async def test_concurrent_lookups_find_each_person_in_its_account(account: Any, foreign: Any, app: Database) -> None:
    directory = people.People(app)
    asked = [(one, person) for one in (account, foreign) for person in (account.agent, foreign.customer)]
    asked += [(account, account.customer), (account, account.agent)]
    found = await asyncio.gather(
        *(directory.find(one.id, person.id, customer=person.role == "customer") for one, person in asked)
    )
    assert found == [account.agent, None, None, foreign.customer, account.customer, account.agent]


async def test_lookup_of_the_other_kind_of_person_finds_none(account: Any, app: Database) -> None:
    directory = people.People(app)
    assert await directory.find(account.id, account.agent.id, customer=True) is None
    assert await directory.find(account.id, account.customer.id, customer=False) is None


async def test_colleagues_are_active_admins_and_agents(account: Any) -> None:
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.colleague.id)
    async with account.tx() as tx:
        found = await people.colleagues(tx, limit=100)
    assert [(one.id, one.name, one.email, one.last_seen_at) for one in found] == [
        (account.admin.id, "Admin", "admin@example.com", None),
        (account.agent.id, "Agent", "agent@example.com", None),
    ]


async def test_seen_sets_and_returns_the_current_time(account: Any) -> None:
    before = datetime.now(UTC)
    async with account.tx() as tx:
        seen = await people.seen(tx, user_id=account.agent.id)
        shown = {one.id: one.last_seen_at for one in await people.colleagues(tx, limit=100)}
    assert before <= seen <= datetime.now(UTC)
    assert shown[account.agent.id] == seen


async def test_seen_of_contact_or_foreign_user_raises_not_found(account: Any, foreign: Any) -> None:
    async with account.tx() as tx:
        with pytest.raises(NotFound):
            await people.seen(tx, user_id=foreign.agent.id)


async def test_directory_finds_people_in_all_accounts(alone: Any) -> None:
    operator = Database(alone.url, role="hummdesk_operator", size=1, timeout=20)
    await operator.open()
    async with operator.all_accounts() as tx:
        assert [one.id for one in await directory.find_users(tx, email="AGENT@example.com")] == [alone.agent.id]
        found = await directory.find_contacts(tx, email_or_id="Customer@example.com")
        assert found == [alone.customer]
        assert await directory.find_contacts(tx, email_or_id=str(alone.customer.id)) == found
        assert await directory.find_contacts(tx, email_or_id=str(alone.agent.id)) == []
        assert await directory.find_users(tx, email="customer@example.com") == []
        await tx.execute("UPDATE users SET active = false WHERE id = %s", (alone.agent.id,))
        assert await directory.find_users(tx, email="agent@example.com") == []
    await operator.close()


async def notifications(account: Any, statement: str, **values: Any) -> set[tuple[str, str]]:
    """The (accountId, personId) of the notifications that a statement causes."""
    notified: set[tuple[str, str]] = set()
    listening = account.app.listen("hummdesk_people")
    assert await anext(listening) == ("", "")
    await account.execute(statement, **values)
    await account.execute("SELECT pg_notify('hummdesk_people', 'last')")
    async with asyncio.timeout(20):
        async for channel, payload in listening:
            assert channel == "hummdesk_people"
            if payload == "last":
                break
            change = json.loads(payload)
            notified.add((change["accountId"], change["personId"]))
    await listening.aclose()
    return notified


@pytest.mark.parametrize(
    ("who", "statement"),
    [
        ("agent", "UPDATE users SET active = false WHERE id = %(id)s"),
        ("agent", "UPDATE users SET role = 'viewer' WHERE id = %(id)s"),
        ("agent", "UPDATE users SET name = 'New' WHERE id = %(id)s"),
        ("agent", "DELETE FROM users WHERE id = %(id)s"),
        ("agent", "DELETE FROM team_members WHERE user_id = %(id)s"),
        ("admin", "INSERT INTO team_members SELECT account_id, id, %(id)s FROM teams WHERE account_id = %(account)s"),
        ("customer", "UPDATE contacts SET active = false WHERE id = %(id)s"),
        ("stranger", "DELETE FROM contacts WHERE id = %(id)s"),
    ],
)
async def test_change_of_person_is_notified(alone: Any, who: str, statement: str) -> None:
    person = alone.people[who]
    assert await notifications(alone, statement, id=person.id) == {(str(alone.id), str(person.id))}


async def test_seen_is_not_notified(alone: Any) -> None:
    assert await notifications(alone, "UPDATE users SET last_seen_at = now()") == set()


async def test_user_who_changes_account_is_notified_in_both_and_unassigned(alone: Any) -> None:
    agent, elsewhere = alone.agent, new_id()
    await alone.execute("INSERT INTO accounts VALUES (%(new)s, 'Elsewhere')", new=elsewhere)
    async with alone.tx() as tx:
        await moves.assign(tx, actor=agent, conversation_id=alone.conversation, agent_id=agent.id, team_id=None)
    notified = await notifications(
        alone, "UPDATE users SET account_id = %(new)s WHERE id = %(id)s", new=elsewhere, id=agent.id
    )
    assert notified == {(str(alone.id), str(agent.id)), (str(elsewhere), str(agent.id))}
    assert (await alone.see(alone.admin)).assigned_to is None
    assert (await alone.log())[-1] == (
        "unassigned",
        "system",
        {"fromAgent": str(agent.id), "rule": "disabled", "queued": True},
    )
    async with alone.tx() as tx:
        assert await people.find_person(tx, person_id=agent.id, customer=False) is None
    async with alone.app.account(elsewhere) as tx:
        moved = await people.find_person(tx, person_id=agent.id, customer=False)
    assert moved is not None
    assert moved.team_ids == ()
