"""Combining the unanswered messages of a customer into one question."""

from collections.abc import Sequence
from itertools import takewhile

from hummdesk.ai.protocol import Context, IncomingMessage, Turn
from hummdesk.ai.text import new_text
from hummdesk.storage import visitors
from hummdesk.storage.runs import ClaimedRun, EarlierMessage


def combined_question(run: ClaimedRun) -> tuple[IncomingMessage, Context]:
    """All messages of the customer since the last reply as one message, and the conversation before them."""
    return combine(run.history, run.message.content, customer_name=run.message.sender_name)


def combine(earlier: Sequence[EarlierMessage], content: str, *, customer_name: str) -> tuple[IncomingMessage, Context]:
    """Combine the customer's last message with those before it that were unanswered too; the oldest is first.

    Each message is read by itself: what stands below a quote or a closing would else include the messages after it.
    """
    burst = list(takewhile(lambda one: one.sender == "customer", reversed(earlier)))[::-1]
    before = earlier[: len(earlier) - len(burst)]
    content = "\n\n".join(new_text(text) for text in [*(one.content for one in burst), content])
    history = tuple(Turn(sender=one.sender, content=one.content) for one in before)
    name = None if visitors.is_unnamed(customer_name) else customer_name
    return IncomingMessage(content=content, customer_name=name, is_new_text=True), Context(history=history)
