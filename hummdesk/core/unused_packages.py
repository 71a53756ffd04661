"""Packages that libraries import where they are installed, and that no process of HummDesk uses.

The clients and other servers that engineio, socketio, kombu, redis and structlog support take a third of the import
time of a web process, where something else has installed them.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

UNUSED = frozenset({"aiohttp", "opentelemetry", "requests", "rich", "tornado", "valkey", "websocket"})


class _NotFound(MetaPathFinder):
    """Finds none of the unused packages, and leaves all others to the next finder."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in UNUSED:
            raise ModuleNotFoundError(f"{fullname} is not used", name=fullname)
        return None


@contextmanager
def skipped() -> Iterator[None]:
    """Import modules as if the unused packages were not installed; those imported before remain."""
    finder = _NotFound()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
