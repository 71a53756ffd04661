"""Fixtures of the tests of web processes, which run beside Swift."""

from tests.integration.server.conftest import (  # noqa: F401  # pytest finds them by their names
    account,
    desk_url,
    first,
    new_account,
    web_settings,
)
