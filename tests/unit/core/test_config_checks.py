"""The checks of settings that depend on their form."""

import pytest

from hummdesk.core import config
from hummdesk.core.config import SettingsError


@pytest.mark.parametrize(
    "url", ["http://[x", "desk.example", "ftp://desk.example", "https://", "https://desk.example/x"]
)
def test_public_url_that_is_no_origin_is_named(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        config.read({"PUBLIC_URL": url, "JWT_SECRET": "s" * 40})
    assert any(fault.startswith("PUBLIC_URL: ") for fault in error.value.faults)
