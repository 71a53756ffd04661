"""What is learned from an agent's reply, and that nothing of its customer is kept for others."""

import pytest

from hummdesk.ai import reply
from hummdesk.ai.answer_extraction import LONGEST_ANSWER, LONGEST_QUESTION, Lesson, Reply, learn

ASKED = "Do you rent out tents?"
ANSWER = "We rent tents by the week, from £15."
DRAFT = reply.compose(ANSWER, customer_name="Maya Thornton", tone="friendly", language="en")


def lesson(content: str, *asked: str, before: tuple[str, ...] = (), draft: str | None = None) -> Lesson:
    """Of a reply by Tom Baker to Maya Thornton."""
    return learn(
        Reply(
            content=content,
            agent_name="Tom Baker",
            customer_names=("Maya Thornton", "maya.thornton@example.com"),
            told=(*(asked or (ASKED,)), *before),
            asked=len(asked or (ASKED,)),
            draft=draft,
        )
    )


@pytest.mark.parametrize(
    ("content", "use"),
    [
        (DRAFT, "as_it_was"),
        (f"<p>{DRAFT}</p>".replace("\n\n", "</p><p>"), "as_it_was"),
        (DRAFT.replace("Thanks for writing to us.", "Good question!"), "edited"),
        (f"Hi Maya, {ANSWER}", "edited"),
        ("Sorry, we do not rent anything at all.", "ignored"),
    ],
)
def test_what_became_of_a_draft(content: str, use: str) -> None:
    assert lesson(content, draft=DRAFT).draft_use == use
    assert lesson(content).draft_use is None


@pytest.mark.parametrize(
    "content",
    [
        ANSWER,
        DRAFT,
        f"Hi Maya, {ANSWER}",
        f"Maya, {ANSWER}",
        f"Dear Ms Thornton,\n\n{ANSWER}\n\nKind regards,\nTom Baker\nCustomer care",
        f"Hello!\n{ANSWER}\nTom",
        f"<p>Hallo Frau Thornton,</p><p>{ANSWER}</p><p>Viele Grüße<br>Tom</p>",
    ],
)
def test_an_answer_is_kept_without_what_is_around_it(content: str) -> None:
    assert lesson(content) == Lesson(draft_use=None, question=ASKED, answer=ANSWER)


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("Your order CP-51888 left yesterday.", "Where is my parcel?"),
        ("We have credited 40 pounds to you.", "You owe me 40 pounds, where are they?"),
        ("It goes to Baker Street, as you wished.", "Please send it to 12 Baker Street"),
        ("Anna can call us any time.", "Hello, can my wife Anna call you?"),
        ("We will write to Jo Miller.", "My colleague Jo Miller has the same question"),
        ("It was sent to the address of Quentin.", "Where did you send my parcel?\nQuentin"),
        ("Thank you Maya, tents can be rented.", ASKED),
        ("Ask for Baker at the desk, he rents tents.", ASKED),
        ("We have written to jo@example.com about it.", ASKED),
        ("Look at https://shop.example/r/8f3a for tents.", ASKED),
        ("Call us at +44 1632 960961 about tents.", ASKED),
        ("The refund goes to DE89 3704 0044 0532 0130 00.", ASKED),
        ("It arrives on 24.12.2026 in the morning.", ASKED),
        ("Thornton's order is on its way to you.", ASKED),
    ],
)
def test_an_answer_with_something_of_a_customer_is_not_for_others(content: str, asked: str) -> None:
    assert lesson(content, asked) == Lesson(draft_use=None)


def test_what_was_said_earlier_in_the_conversation_is_the_customers_too() -> None:
    assert lesson("We have changed it to plan 7.", "Can you change my plan?", before=("I am on plan 7",)).answer is None
    assert lesson("We have changed it to plan 8.", "Can you change my plan?", before=("I am on plan 7",)).answer


def test_a_question_shows_gaps_for_what_is_its_customers() -> None:
    asked = "Hi, this is Maya (maya@home.example, +44 1632 960961). Do you rent out tents? My order was CP-51888."
    assert lesson(ANSWER, asked).question == "this is … (…, …). Do you rent out tents? My order was …."


def test_all_that_nobody_had_answered_is_the_question() -> None:
    assert lesson(ANSWER, "And by the week?", "Do you rent out tents?").question == f"{ASKED}\n\nAnd by the week?"


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("Yes.", ASKED),
        (ANSWER, "ok"),
        (ANSWER, "…"),
        (ANSWER, "\ud800"),
        ("x " * LONGEST_ANSWER, ASKED),
        ("<b>" * 5000, ASKED),
        ("\ud800", ASKED),
    ],
)
def test_what_says_nothing_or_too_much_is_not_kept(content: str, asked: str) -> None:
    assert lesson(content, asked).answer is None


def test_a_long_question_is_cut() -> None:
    question = lesson(ANSWER, "Do you rent out tents? " * 500).question
    assert question is not None
    assert len(question) == LONGEST_QUESTION


def test_without_a_question_nothing_is_learned() -> None:
    unasked = Reply(content=ANSWER, agent_name="Tom", customer_names=("Maya",), told=(ASKED,), asked=0, draft=None)
    assert learn(unasked) == Lesson(draft_use=None)
