"""The presence of agents."""

from hummdesk.contract.fields import AnyText
from hummdesk.contract.payloads import Colleagues


class PresencePage(Colleagues):
    """Active agents and admins with their status."""

    nextCursor = AnyText()
