"""What the AI reads of a message."""

from hummdesk.ai.protocol import IncomingMessage
from hummdesk.ai.text import new_text


def message_text(message: IncomingMessage) -> str:
    """Return the content without quoted mails and signatures; joined messages are already read (`is_new_text`)."""
    return message.content if message.is_new_text else new_text(message.content)
