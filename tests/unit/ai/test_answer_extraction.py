"""Extraction of reusable answers from agents' replies, free of their customers' data."""

import pytest

from hummdesk.ai.answer_extraction import MAX_ANSWER, MAX_QUESTION, AgentReply, ExtractedAnswer, extract
from hummdesk.ai.reply import PHRASES, compose

QUESTION = "Do you rent out tents?"
ANSWER = "We rent tents by the week, from £15."
DRAFT = compose(ANSWER, customer_name="Maya Thornton", tone="friendly", language="en")


def extracted(
    content: str, *questions: str, earlier: tuple[str, ...] = (), draft: str | None = None
) -> ExtractedAnswer:
    """Extract from a reply by Tom Baker to Maya Thornton."""
    return extract(
        AgentReply(
            content=content,
            agent_name="Tom Baker",
            customer_names=("Maya Thornton", "maya.thornton@example.com"),
            customer_messages=(*(questions or (QUESTION,)), *earlier),
            unanswered=len(questions or (QUESTION,)),
            draft=draft,
        )
    )


@pytest.mark.parametrize(
    ("content", "use"),
    [
        (DRAFT, "as_it_was"),
        (f"<p>{DRAFT}</p>".replace("\n\n", "</p><p>"), "as_it_was"),
        (f"Hi Maya, {ANSWER}", "as_it_was"),
        (f"{DRAFT} Good question!", "edited"),
        ("Sorry, we do not rent anything at all.", "ignored"),
    ],
)
def test_draft_use_is_detected_from_reply(content: str, use: str) -> None:
    assert extracted(content, draft=DRAFT).draft_use == use
    assert extracted(content).draft_use is None


@pytest.mark.parametrize(
    "content",
    [
        ANSWER,
        DRAFT,
        f"{PHRASES['other_language']['de']}\n\n{ANSWER}",
        f"Hi Maya, {ANSWER}",
        f"Maya, {ANSWER}",
        f"Dear Ms Thornton,\n\n{ANSWER}\n\nKind regards,\nTom Baker\nCustomer care",
        f"Hello!\n{ANSWER}\nTom",
        f"<p>Hallo Frau Thornton,</p><p>{ANSWER}</p><p>Viele Grüße<br>Tom</p>",
    ],
)
def test_answer_is_extracted_without_salutation_and_signature(content: str) -> None:
    assert extracted(content) == ExtractedAnswer(draft_use=None, question=QUESTION, answer=ANSWER)


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("Your order CP-51888 left yesterday.", "Where is my parcel?"),
        ("We have credited 40 pounds to you.", "You owe me 40 pounds, where are they?"),
        ("It goes to Baker Street, as you wished.", "Please send it to 12 Baker Street"),
        ("Anna can call us any time.", "Hello, can my wife Anna call you?"),
        ("We will write to Jo Miller.", "My colleague Jo Miller has the same question"),
        ("It was sent to the address of Quentin.", "Where did you send my parcel?\nQuentin"),
        ("Thank you Maya, tents can be rented.", QUESTION),
        ("Ask for Baker at the desk, he rents tents.", QUESTION),
        ("We have written to jo@example.com about it.", QUESTION),
        ("Look at https://shop.example/r/8f3a for tents.", QUESTION),
        ("Call us at +44 1632 960961 about tents.", QUESTION),
        ("The refund goes to DE89 3704 0044 0532 0130 00.", QUESTION),
        ("It arrives on 24.12.2026 in the morning.", QUESTION),
        ("Thornton's order is on its way to you.", QUESTION),
    ],
)
def test_answer_with_personal_data_is_discarded(content: str, question: str) -> None:
    assert extracted(content, question) == ExtractedAnswer(draft_use=None)


def test_data_from_earlier_messages_is_personal() -> None:
    question, earlier = "Can you change my plan?", ("I am on plan 7",)
    assert extracted("We have changed it to plan 7.", question, earlier=earlier).answer is None
    assert extracted("We have changed it to plan 8.", question, earlier=earlier).answer


def test_personal_data_in_question_becomes_gaps() -> None:
    question = "Hi, this is Maya (maya@home.example, +44 1632 960961). Do you rent out tents? My order was CP-51888."
    assert extracted(ANSWER, question).question == "this is … (…, …). Do you rent out tents? My order was …."


def test_question_contains_all_unanswered_messages() -> None:
    assert extracted(ANSWER, "And by the week?", "Do you rent out tents?").question == f"{QUESTION}\n\nAnd by the week?"


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("Yes.", QUESTION),
        (ANSWER, "ok"),
        (ANSWER, "…"),
        (ANSWER, "\ud800"),
        ("x " * MAX_ANSWER, QUESTION),
        ("<b>" * 5000, QUESTION),
        ("\ud800", QUESTION),
    ],
)
def test_too_short_or_too_long_text_is_discarded(content: str, question: str) -> None:
    assert extracted(content, question).answer is None


def test_long_question_is_cut() -> None:
    question = extracted(ANSWER, "Do you rent out tents? " * 500).question
    assert question is not None
    assert len(question) == MAX_QUESTION


def test_reply_without_question_is_discarded() -> None:
    reply = AgentReply(
        content=ANSWER,
        agent_name="Tom",
        customer_names=("Maya",),
        customer_messages=(QUESTION,),
        unanswered=0,
        draft=None,
    )
    assert extract(reply) == ExtractedAnswer(draft_use=None)


def test_quoted_mails_and_signatures_are_not_learned() -> None:
    quoted = "On Wed, 5 Nov 2025 at 10:02, Maya Thornton <maya.thornton@example.com> wrote:\n> Order CP-51888"
    question = f"{QUESTION}\n\n--\nMaya Thornton\nMountain Club\n\n{quoted}"
    answer = f"{ANSWER}\n\nBest regards\nTom Baker\nCare team | Tents Ltd\n\n{quoted}"
    assert extracted(answer, question) == ExtractedAnswer(draft_use=None, question=QUESTION, answer=ANSWER)
    assert extracted(f"{DRAFT}\n\n{quoted}", draft=DRAFT).draft_use == "as_it_was"
