"""Inputs of requests to external models."""

from hummdesk.ai.external.inputs import classification_input, draft_input, summary_input
from hummdesk.ai.protocol import Context, IncomingMessage, Knowledge, Turn
from hummdesk.ai.redaction import Redactor

MAIL = (
    "My lamp flickers, call 030 1234567.\n\nKind regards\nAda Lovelace\n\n"
    "On Wed, 5 Nov 2025 at 10:02, Desk <desk@example.com> wrote:\n> Thank you for your order."
)
READ = "My lamp flickers, call [NUMBER_1]."
MESSAGE = IncomingMessage(content=MAIL)
EARLIER = Turn(sender="customer", content=MAIL)


def test_inputs_contain_redacted_new_text_of_mails() -> None:
    context = Context(history=(EARLIER,))
    classification = classification_input(Redactor(), MESSAGE, context).data
    draft = draft_input(Redactor(), MESSAGE, context, Knowledge()).data
    for data in (classification, draft):
        assert data["message"] == READ
        assert data["earlier"] == [{"from": "customer", "text": READ}]


def test_summary_input_contains_new_text_of_mails() -> None:
    reply = "Sorry!\n\nOn Wed, 5 Nov 2025 at 10:09, Ada <ada@example.com> wrote:\n> My lamp flickers."
    data = summary_input(Redactor(), [EARLIER, Turn(sender="agent", content=reply)])
    assert [turn["text"] for turn in data["conversation"]] == [READ, "Sorry!"]
