"""The example of docs/webhooks.md verifies signatures."""

import re
import time
from typing import Any

import pytest

from docs.generate import ROOT
from hummdesk.core.webhooks import new_secret, shown, signed_headers

BODY = b'{"number": 1}'


@pytest.fixture(scope="module")
def verify() -> Any:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 - the example of the documentation
    return found["verify"]


def test_example_accepts_a_delivery_also_during_a_rotation(verify: Any) -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("hook.1", round(time.time()), BODY, [new, old])
    verify(shown(old), headers, BODY)
    verify(shown(new), headers, BODY)


def test_example_refuses_another_body_secret_and_time(verify: Any) -> None:
    secret = new_secret()
    headers = signed_headers("hook.1", round(time.time()), BODY, [secret])
    late = signed_headers("hook.1", round(time.time()) - 600, BODY, [secret])
    for given in ((shown(secret), headers, b"{}"), (shown(new_secret()), headers, BODY), (shown(secret), late, BODY)):
        with pytest.raises(ValueError, match=r"wrong signature|too old"):
            verify(*given)
