from typing import Any

from hummdesk.core.errors import Unavailable


class FailingCommands:
    """Redis does not answer."""

    def __init__(self) -> None:
        self.number = 0

    async def run_built(self, *_: object, **__: object) -> Any:
        self.number += 1
        raise Unavailable
