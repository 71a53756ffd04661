"""Every request of the contract has its handler."""

from hummdesk.contract.table import REQUESTS
from hummdesk.server.handlers.table import HANDLERS


def test_every_request_has_exactly_one_handler() -> None:
    assert list(HANDLERS) == list(REQUESTS)
