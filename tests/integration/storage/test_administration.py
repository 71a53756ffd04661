"""People, teams and settings as admins manage them: what is created once, what is logged, what is unassigned."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.storage import accounts, articles, contacts, moves, outbox, people, teams, users
from hummdesk.storage.contacts import ContactChanges
from hummdesk.storage.database import Database
from hummdesk.storage.users import UserChanges
from tests.integration.storage.conftest import outbox_entries


async def actions(account: Any, subject: UUID) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = await account.execute(
        "SELECT action, actor_type, details FROM audit_log WHERE account_id = %(account)s AND subject_id = %(id)s "
        "ORDER BY id",
        id=str(subject),
    )
    return found


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_operator", size=1, timeout=20)
    await database.open()
    yield database
    await database.close()


async def test_create_user_with_known_email_returns_the_unchanged_user(account: Any) -> None:
    values: dict[str, Any] = {"name": "Ada", "role": "agent"}
    async with account.tx() as tx:
        ada, is_new = await users.create(tx, account.admin, email="ada@example.com", **values)
        assert is_new
        again = await users.create(tx, account.admin, email="ADA@example.com", name="Other", role="admin")
    assert again == (ada, False)
    assert await actions(account, ada.id) == [("user.created", "agent", {"role": "agent"})]


async def test_update_user_writes_only_what_differs(account: Any) -> None:
    async with account.tx() as tx:
        changes = UserChanges(name="New", skills=["sales", "de"], team_ids=[account.team])
        user, unassigned = await users.update(tx, account.admin, account.agent.id, changes)
        assert (user.name, user.skills, user.team_ids, unassigned) == ("New", ("sales", "de"), (account.team,), [])
        assert await users.get(tx, account.agent.id) == user
        await users.update(tx, account.admin, account.agent.id, changes)
    assert await actions(account, account.agent.id) == [("user.updated", "agent", {"fields": ["name", "skills"]})]


async def test_update_user_with_unknown_team_or_email_of_another_is_refused(account: Any) -> None:
    with pytest.raises(Invalid, match="Invalid"):
        async with account.tx() as tx:
            await users.update(tx, None, account.agent.id, UserChanges(team_ids=[new_id()]))
    with pytest.raises(Conflict, match="e-mail"):
        async with account.tx() as tx:
            await users.update(tx, None, account.agent.id, UserChanges(email="ADMIN@example.com"))
    with pytest.raises(Conflict, match="yourself"):
        async with account.tx() as tx:
            await users.update(tx, account.admin, account.admin.id, UserChanges(active=False))


async def test_users_of_another_account_are_not_found(account: Any, foreign: Any) -> None:
    async with account.tx() as tx:
        for call in (users.get(tx, foreign.agent.id), users.update(tx, None, foreign.agent.id, UserChanges(name="x"))):
            with pytest.raises(NotFound):
                await call
        assert await users.find(tx, email="nobody@example.com") is None
        with pytest.raises(Invalid):
            await teams.add_members(tx, None, account.team, [foreign.agent.id])


@pytest.mark.parametrize("changes", [UserChanges(active=False), UserChanges(role="viewer")])
async def test_user_who_cannot_answer_any_more_loses_all_conversations(account: Any, changes: UserChanges) -> None:
    started = [account.conversation, *[await account.start(account.stranger) for _ in range(2)]]
    async with account.tx() as tx:
        for conversation_id in started:
            await moves.assign(
                tx,
                actor=account.admin,
                conversation_id=conversation_id,
                agent_id=account.agent.id,
                team_id=account.team,
            )
    await account.execute("DELETE FROM outbox WHERE account_id = %(account)s")
    async with account.tx() as tx:
        _, unassigned = await users.update(tx, account.admin, account.agent.id, changes)
    assert {one.conversation_id for one in unassigned} == set(started)
    seen = await account.see(account.admin)
    assert (seen.assigned_to, seen.assigned_team) == (None, account.team)
    assert (await account.log())[-1] == (
        "unassigned",
        "agent",
        {
            "fromAgent": str(account.agent.id),
            "fromTeam": str(account.team),
            "toTeam": str(account.team),
            "rule": "disabled",
            "queued": True,
        },
    )
    entries = [row for row in await outbox_entries(account) if row[2] == outbox.LOGGED_CHANGE]
    assert {(row[0], row[1]) for row in entries} == {(one.id, one.conversation_id) for one in unassigned}


async def test_operator_disables_a_user_as_the_system(account: Any, operator: Database) -> None:
    async with account.tx() as tx:
        await moves.assign(
            tx,
            actor=account.admin,
            conversation_id=account.conversation,
            agent_id=account.agent.id,
            team_id=None,
        )
    async with operator.account(account.id) as tx:
        await users.update(tx, None, account.agent.id, UserChanges(active=False))
    assert (await account.log())[-1] == (
        "unassigned",
        "system",
        {"fromAgent": str(account.agent.id), "rule": "disabled", "queued": True},
    )
    assert await actions(account, account.agent.id) == [("user.disabled", "system", {"fields": ["active"]})]
    async with account.tx() as tx:
        assert await people.find_person(tx, person_id=account.agent.id, customer=False) is None


async def test_assignment_that_races_a_disabled_user_is_refused_or_undone(account: Any) -> None:
    async def assign() -> None:
        async with account.tx() as tx:
            await moves.assign(
                tx,
                actor=account.admin,
                conversation_id=account.conversation,
                agent_id=account.agent.id,
                team_id=None,
            )

    async def set_active(active: bool) -> None:
        async with account.tx() as tx:
            await users.update(tx, account.admin, account.agent.id, UserChanges(active=active))

    for _ in range(20):
        await set_active(True)
        await asyncio.gather(*(assign() for _ in range(4)), set_active(False), return_exceptions=True)
        assert (await account.see(account.admin)).assigned_to is None


async def test_inactive_team_is_hidden_and_cannot_be_assigned(account: Any) -> None:
    async with account.tx() as tx:
        await teams.update(tx, account.admin, account.team, active=False)
        assert await teams.teams(tx, [account.id]) == []
        with pytest.raises(NotFound):
            await moves.assign(
                tx,
                actor=account.admin,
                conversation_id=account.conversation,
                agent_id=account.agent.id,
                team_id=account.team,
            )
        assert (await teams.get(tx, account.team)).member_ids == tuple(sorted([account.agent.id, account.colleague.id]))
    assert await actions(account, account.team) == [("team.disabled", "agent", {"fields": ["active"]})]


async def test_only_active_teams_with_texts_are_described(account: Any) -> None:
    async with account.tx() as tx:
        assert await teams.described(tx, [account.id]) == {}
        made, _ = await teams.create(tx, account.admin, name="Money", description="Invoices")
        await teams.update(tx, account.admin, account.team, examples=["I was charged twice"])
        assert await teams.described(tx, [account.id]) == {
            made.id: teams.TeamTexts(description="Invoices", examples=()),
            account.team: teams.TeamTexts(description="", examples=("I was charged twice",)),
        }
        await teams.update(tx, account.admin, made.id, active=False)
        assert list(await teams.described(tx, [account.id])) == [account.team]


async def test_teams_have_a_bounded_number_of_texts_together(account: Any) -> None:
    async with account.tx() as tx:
        for number in range(14):
            await teams.create(
                tx, account.admin, name=f"Team {number}", examples=["Hello"] * 20, description="Greetings"
            )
        with pytest.raises(Invalid, match=None):
            await teams.create(tx, account.admin, name="Last", examples=["Hello"] * 7)
        last, _ = await teams.create(tx, account.admin, name="Last", examples=["Hello"] * 6)
        await teams.update(tx, account.admin, last.id, name="The last")
        with pytest.raises(Invalid):
            await teams.update(tx, account.admin, last.id, description="Greetings")


async def test_create_team_twice_returns_the_first(account: Any) -> None:
    async with account.tx() as tx:
        made, is_new = await teams.create(tx, account.admin, name="Second", member_ids=[account.viewer.id])
        assert (is_new, made.member_ids) == (True, (account.viewer.id,))
        assert await teams.create(tx, account.admin, name="Second") == (made, False)
        left = await teams.remove_members(tx, account.admin, made.id, [account.viewer.id, account.admin.id])
        assert left.member_ids == ()
    with pytest.raises(Conflict):
        async with account.tx() as tx:
            await teams.update(tx, account.admin, made.id, name="Team")


async def test_upsert_finds_a_contact_by_external_id_before_email(account: Any) -> None:
    async with account.tx() as tx:
        by_email, is_new = await contacts.upsert(
            tx, None, ContactChanges(email="CUSTOMER@example.com", external_id="7")
        )
        assert (by_email.id, is_new) == (account.customer.id, False)
        named, _ = await contacts.upsert(tx, None, ContactChanges(external_id="7", name="Grace", attributes={"a": [1]}))
        assert (named.id, named.name, named.attributes) == (account.customer.id, "Grace", {"a": [1]})
        assert await contacts.get(tx, named.id) == named
        new, is_new = await contacts.upsert(tx, None, ContactChanges(external_id="8"))
        assert (is_new, new.name, new.has_address) == (True, contacts.UNNAMED, False)
        assert "email" not in new.wire()


async def test_upsert_of_values_of_different_contacts_is_a_conflict(account: Any) -> None:
    async with account.tx() as tx:
        await contacts.upsert(tx, None, ContactChanges(external_id="7", email="customer@example.com"))
        await contacts.upsert(tx, None, ContactChanges(external_id="8"))
    for given in (
        ContactChanges(external_id="8", email="customer@example.com"),
        ContactChanges(external_id="9", email="customer@example.com"),
    ):
        with pytest.raises(Conflict):
            async with account.tx() as tx:
                await contacts.upsert(tx, None, given)
    with pytest.raises(Invalid):
        async with account.tx() as tx:
            await contacts.upsert(tx, None, ContactChanges(name="Nobody"))


async def test_concurrent_upserts_make_one_contact(account: Any) -> None:
    async def upsert() -> tuple[UUID, bool]:
        async with account.tx() as tx:
            contact, is_new = await contacts.upsert(tx, None, ContactChanges(external_id="7", email="7@example.com"))
            return contact.id, is_new

    found = await asyncio.gather(*(upsert() for _ in range(8)))
    assert len({contact_id for contact_id, _ in found}) == 1
    assert [is_new for _, is_new in found].count(True) == 1


async def test_changed_name_of_a_contact_is_published_with_open_conversations(account: Any) -> None:
    await account.execute("DELETE FROM outbox WHERE account_id = %(account)s")
    async with account.tx() as tx:
        await contacts.update(tx, account.agent, account.customer.id, ContactChanges(attributes={"plan": "gold"}))
        assert await outbox_entries(account) == []
        await contacts.update(tx, account.agent, account.customer.id, ContactChanges(name="New"))
    entries = await outbox_entries(account)
    assert [row[1:3] for row in entries] == [(account.conversation, outbox.CHANGED_CONVERSATION)]
    assert (await actions(account, account.customer.id))[-1] == ("contact.updated", "agent", {"fields": ["name"]})


async def test_disabled_account_has_no_active_people(account: Any, operator: Database) -> None:
    async with operator.account(account.id) as tx:
        first = await accounts.disable(tx, None)
        assert await accounts.disable(tx, None) == first
    async with account.tx() as tx:
        for who in ("admin", "agent", "customer"):
            person = account.people[who]
            assert await people.find_person(tx, person_id=person.id, customer=who == "customer") is None
    async with operator.account(account.id) as tx:
        await accounts.enable(tx, None)
        assert await people.find_person(tx, person_id=account.agent.id, customer=False) == account.agent
    assert [action for action, *_ in await actions(account, account.id)] == ["account.disabled", "account.enabled"]


async def test_concurrent_creations_of_a_name_make_one_account(database_url: str) -> None:
    database = Database(database_url, role="hummdesk_operator", size=4, timeout=20)
    await database.open()
    name = f"Acme {new_id()}"

    async def create() -> UUID:
        async with database.account(new_id()) as tx:
            return await accounts.create(tx, None, name=name)

    assert len(set(await asyncio.gather(*(create() for _ in range(8))))) == 1
    await database.close()


async def test_article_is_changed_by_its_id_and_found_in_the_drafts_it_served(account: Any) -> None:
    article_id = new_id()
    values: dict[str, Any] = {"title": "Returns", "body": "Within 30 days.", "questions": ["How long?"]}
    async with account.tx() as tx:
        assert await articles.put(tx, account.admin, "article", article_id, **values)
        assert not await articles.put(tx, account.admin, "article", article_id, **values)
        changed = await articles.update(tx, account.admin, "article", article_id, body="Within 60 days.")
        assert (changed.body, changed.questions) == ("Within 60 days.", ("How long?",))
        assert (await articles.page(tx, "article", limit=10))[0] == [changed]
        assert await articles.page(tx, "canned_reply", limit=10) == ([], None)
    sent = await account.send(account.customer)
    run = "SELECT id FROM ai_runs WHERE account_id = %(account)s AND message_id = %(message)s"
    [(run_id,)] = await account.execute(run, message=sent.message.id)
    await account.execute(
        "INSERT INTO ai_results (account_id, run_id, kind, payload) "
        "VALUES (%(account)s, %(run)s, 'draft', jsonb_build_object('sources', jsonb_build_array(%(id)s::text)))",
        run=run_id,
        id=str(article_id),
    )
    async with account.tx() as tx:
        assert [one.run_id for one in await articles.drafts(tx, article_id, limit=10)] == [run_id]
        assert await articles.drafts(tx, new_id(), limit=10) == []
        assert await articles.remove(tx, account.admin, "article", article_id)
        assert not await articles.remove(tx, account.admin, "article", article_id)
    logged = [action for action, *_ in await actions(account, article_id)]
    assert logged == ["article.created", "article.updated", "article.deleted"]


LISTS: list[Callable[..., Awaitable[tuple[list[Any], str | None]]]] = [users.page, teams.page, contacts.page]


@pytest.mark.parametrize("page", LISTS)
async def test_pages_return_every_record_once(
    account: Any, page: Callable[..., Awaitable[tuple[list[Any], str | None]]]
) -> None:
    async with account.tx() as tx:
        for number in range(5):
            await users.create(tx, None, email=f"{number}@example.com", name="n", role="viewer")
            await teams.create(tx, None, name=f"Team {number}")
            await contacts.upsert(tx, None, ContactChanges(external_id=str(number)))
        whole, none = await page(tx, limit=100)
        found, cursor = await page(tx, limit=2)
        while cursor is not None:
            more, cursor = await page(tx, limit=2, cursor=cursor)
            found += more
    assert none is None
    assert found == whole
    assert len(whole) >= 6
