"""The events that the server sends, one class each.

To add one: define it in the module of its noun, publish it where it happens, and give the leak test an example.
"""

from types import ModuleType

from hummdesk.publish.events import ai, availability, connection, conversations, inbox, messages, presence
from hummdesk.publish.events.base import Event, SocketEvent

MODULES: tuple[ModuleType, ...] = (connection, messages, presence, availability, conversations, inbox, ai)


def _defined_in(module: ModuleType) -> list[type[SocketEvent]]:
    found = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, SocketEvent))
    return [cls for cls in found if cls.__module__ == module.__name__ and "event_name" in vars(cls)]


EVENTS: dict[str, type[SocketEvent]] = {event.event_name: event for module in MODULES for event in _defined_in(module)}
"""By name, in the order of the contract."""

__all__ = ["EVENTS", "Event", "SocketEvent"]
