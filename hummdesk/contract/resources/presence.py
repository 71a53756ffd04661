"""The presence of agents."""

from hummdesk.contract.payloads import Colleagues


class Presence(Colleagues):
    """The active agents and admins with their status."""
