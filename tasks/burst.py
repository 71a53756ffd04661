"""Combining the unanswered messages of a customer into one question."""

from itertools import takewhile

from hummdesk.ai.protocol import Context, IncomingMessage, Turn
from hummdesk.ai.text import new_text
from hummdesk.storage import visitors
from hummdesk.storage.runs import ClaimedRun


def combined_question(run: ClaimedRun) -> tuple[IncomingMessage, Context]:
    """All messages of the customer since the last reply as one message, and the conversation before them.

    Each message is read by itself: what stands below a quote or a closing would else include the messages after it.
    """
    burst = list(takewhile(lambda earlier: earlier.sender == "customer", reversed(run.history)))[::-1]
    before = run.history[: len(run.history) - len(burst)]
    content = "\n\n".join(new_text(text) for text in [*(earlier.content for earlier in burst), run.message.content])
    history = tuple(Turn(sender=earlier.sender, content=earlier.content) for earlier in before)
    name = None if visitors.is_unnamed(run.message.sender_name) else run.message.sender_name
    return IncomingMessage(content=content, customer_name=name, is_new_text=True), Context(history=history)
