"""Secrets that name their account."""

from uuid import uuid4

import pytest

from hummdesk.core.account_secrets import LENGTH, AccountSecret


def test_secret_survives_its_text() -> None:
    secret = AccountSecret.new(uuid4())
    assert AccountSecret.parsed(secret.text) == secret
    assert len(secret.text) == LENGTH
    assert secret.hash not in (secret.secret, AccountSecret.new(secret.account_id).hash)


@pytest.mark.parametrize("text", [None, 7, "", "x" * 63, "x" * 65, "\N{SNOWMAN}" * 64, "+" * 64, "=" * 64, "\0" * 64])
def test_other_text_is_no_secret(text: object) -> None:
    assert AccountSecret.parsed(text) is None
