"""The pages about the quality of drafts: simulations, articles to write, and automatic answers."""

from playwright.async_api import Locator, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.test_moves import call
from tests.system.browser.test_settings import check, open_settings, row

ANSWERED = ("How much does Ledgerleaf cost?", "19 euros.")
UNANSWERED = ("Who won the world cup of chess boxing?", "Unknown.")
CLOSED = [*[ANSWERED] * 10, *[UNANSWERED] * 2]
"""Questions with replies that are too short to be learned from."""


async def answer_and_close(account: DemoAccount) -> None:
    """Close a conversation for each question, later than all others of the account."""
    customer, agent = await account.connect(account.customers[0]), await account.connect(account.agents[0])
    for question, reply in CLOSED:
        started = await customer.do("start_conversation", {"content": question})
        conversation = {"conversationId": started["conversation"]["conversationId"]}
        await agent.receives("ai_classification", **conversation)
        await agent.do("send_message", conversation | {"content": reply})
        await agent.do("update_conversation_status", conversation | {"status": "closed"})


def cell(admin: ConsolePage, table: str, row: str, column: int = 0) -> Locator:
    heading = admin.page.get_by_role("rowheader", name=row, exact=True)
    rows = admin.page.get_by_role("region", name=table).get_by_role("row").filter(has=heading)
    return rows.get_by_role("cell").nth(column)


async def test_simulation_of_a_period_shows_figures_and_topics_and_thresholds_are_chosen_from_it(
    open_console: Open, other_account: DemoAccount
) -> None:
    account = other_account
    await answer_and_close(account)
    admin = await open_settings(open_console, account, "simulations")
    await admin.page.get_by_role("combobox", name="Closed in the last").select_option("7")
    most = admin.page.get_by_role("spinbutton", name="Maximum number of conversations")
    await most.fill("0")
    await admin.page.get_by_role("button", name="Start a simulation").click()
    await expect(most).to_have_attribute("aria-invalid", "true")
    await most.fill(str(len(CLOSED)))
    await admin.page.get_by_role("button", name="Start a simulation").click()
    done = admin.page.get_by_text("12 of 12 questions of 12 conversations")
    await expect(done).to_contain_text("Done", timeout=90_000)
    await expect(cell(admin, "Drafts and replies", "All questions")).to_contain_text("10 of 12")
    await expect(row(admin, UNANSWERED[0]).first).to_contain_text("No draft: no source answers the question.")
    await expect(row(admin, UNANSWERED[0]).first).to_contain_text(UNANSWERED[1])

    await cell(admin, "Minimum confidence", "0.5", 3).get_by_role("button", name="Use").click()
    await expect(cell(admin, "Minimum confidence", "0.5", 3)).to_have_text("In use")
    assert (await call(account, "GET", "/settings"))["aiMinConfidence"] == 0.5
    await check(admin)
    await admin.page.get_by_role("link", name="Use of drafts").click()
    topic = row(admin, "2 questions").filter(has_text=UNANSWERED[0])
    await expect(topic.get_by_role("link")).to_have_count(2)
    await check(admin)
