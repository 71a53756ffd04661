"""The epoch of the data: it changes when PostgreSQL may have lost committed transactions, in a failover or a restore.

After such a loss, numbers that follow from the data, `seq` and `revision`, are given again to something else.
"""

from collections.abc import Callable


class Epochs:
    """The newest epoch in which this process has used PostgreSQL. Each has a higher number than those before."""

    def __init__(self) -> None:
        self.current = 0
        """0: not known yet."""
        self._subscribers: list[Callable[[int, bool], object]] = []

    def subscribe(self, notify: Callable[[int, bool], object]) -> None:
        """Call with each new epoch, and whether this process has worked in an earlier one, before any transaction."""
        self._subscribers.append(notify)

    def enter(self, number: int) -> None:
        """Record the epoch of a connection that is about to be used, or of a transaction that has ended."""
        if number > self.current:
            has_earlier, self.current = self.current > 0, number
            for notify in self._subscribers:
                notify(number, has_earlier)
