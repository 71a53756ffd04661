"""What an account wants external models to know when they draft."""

from typing import Any

from hummdesk.ai import knowledge_base
from hummdesk.ai.protocol import Profile
from hummdesk.core.categories import OwnCategory
from hummdesk.storage import accounts, ai_profiles, categories
from hummdesk.storage.ai_profiles import StoredProfile
from hummdesk.storage.categories import Categories

EXAMPLE = """
UPDATE past_answers
SET learned_at = now() - %(days)s * interval '1 day', draft_use = %(use)s, question = 'Question', answer = %(answer)s,
    draft_run_id = (SELECT id FROM ai_runs WHERE account_id = %(account)s LIMIT 1)
WHERE account_id = %(account)s AND message_id = %(message)s
"""


async def read(account: Any) -> StoredProfile | None:
    async with account.tx() as tx:
        return await ai_profiles.profile(tx, replies=2, longest=20)


async def test_profile_has_the_texts_of_the_account(account: Any) -> None:
    assert await read(account) == StoredProfile(company="", voice="", policies="", replies=())
    async with account.tx() as tx:
        await accounts.update(tx, None, ai_company="Boots", ai_voice="Short", ai_policies="No discounts")
    assert await read(account) == StoredProfile(company="Boots", voice="Short", policies="No discounts", replies=())


async def test_examples_are_the_newest_short_replies_that_were_sent_from_drafts_before_today(account: Any) -> None:
    await account.send(account.customer, needs_ai=True)
    for days, use, answer in (
        (4, "as_it_was", "Too old"),
        (3, "as_it_was", "Older"),
        (2, "edited", "Newer"),
        (2, "ignored", "Not from the draft"),
        (2, "edited", "Longer than the limit"),
        (0, "edited", "Of today"),
    ):
        sent = await account.send(account.agent)
        await account.execute(EXAMPLE, days=days, use=use, answer=answer, message=sent.message.id)
    found = await read(account)
    assert found is not None
    assert found.replies == ("Newer", "Older")


async def test_profile_for_drafts_has_the_own_categories_while_they_are_used(account: Any, foreign: Any) -> None:
    own = (OwnCategory(key="rent", name="Rent", description="Payments"), OwnCategory(key="keys", name="Keys"))
    for is_enabled in (False, True):
        async with account.tx() as tx:
            await accounts.update(tx, None, ai_voice="Short")
            await categories.put(tx, None, account.id, Categories(is_enabled=is_enabled, own=own))
        found = await knowledge_base.profile(account.app, account.id)
        assert found == Profile(voice="Short", categories=own if is_enabled else ())
    assert await knowledge_base.profile(foreign.app, foreign.id) == Profile()
