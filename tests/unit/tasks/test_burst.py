from dataclasses import replace

from hummdesk.ai.external.inputs import draft_input
from hummdesk.ai.message_text import message_text
from hummdesk.ai.protocol import Knowledge
from hummdesk.ai.redaction import Redactor
from tasks.burst import combined_question
from tests.unit.tasks.runs import claimed_run, history, message


def test_combined_question_without_history_is_the_message() -> None:
    question, context = combined_question(claimed_run(message=message("Help!")))
    assert (question.content, question.customer_name) == ("Help!", "Maya")
    assert context.history == ()


def test_combined_question_after_unanswered_messages_joins_them_oldest_first() -> None:
    run = claimed_run(
        message=message("It is red."),
        history=history(("agent", "Anything else?"), ("customer", "Yes."), ("customer", "My parcel is late.")),
    )
    question, context = combined_question(run)
    assert question.content == "Yes.\n\nMy parcel is late.\n\nIt is red."
    assert [(turn.sender, turn.content) for turn in context.history] == [("agent", "Anything else?")]


def test_combined_question_after_a_reply_leaves_answered_messages_in_the_history() -> None:
    run = claimed_run(
        message=message("And now?"), history=history(("customer", "Hello"), ("agent", "Hi"), ("system", "Assigned"))
    )
    question, context = combined_question(run)
    assert question.content == "And now?"
    assert [turn.content for turn in context.history] == ["Hello", "Hi", "Assigned"]


def test_anonymous_visitor_has_no_name() -> None:
    run = claimed_run(message=replace(message(), sender_name="Visitor"))
    assert combined_question(run)[0].customer_name is None
    assert combined_question(claimed_run())[0].customer_name == "Maya"


def test_combined_question_of_mails_contains_their_new_text_only() -> None:
    quote = "On Wed, 5 Nov 2025 at 10:02, Desk <desk@example.com> wrote:"
    run = claimed_run(
        message=message(f"It is red.\n\n{quote}\n> Which one?"),
        history=history(("customer", f"My parcel is late.\n\n{quote}\n\nIt is on its way.")),
    )
    assert combined_question(run)[0].content == "My parcel is late.\n\nIt is red."


def test_combined_question_is_not_read_as_one_mail() -> None:
    texts = ("My lamp is broken", "Best regards Ada", "--", "Refund 30 euros please")
    run = claimed_run(message=message(texts[-1]), history=history(*(("customer", text) for text in texts[:-1])))
    question, context = combined_question(run)
    assert message_text(question) == "\n\n".join(texts)
    assert "Refund" in draft_input(Redactor(), question, context, Knowledge()).data["message"]
