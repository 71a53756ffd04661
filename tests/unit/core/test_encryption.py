import pytest

from hummdesk.core import config
from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.encryption import Encryption, Undecryptable

OLD, NEW = "old key " * 4, "new key " * 4


def test_decrypt_returns_what_was_encrypted() -> None:
    encryption = Encryption([NEW])
    stored = encryption.encrypt(b"secret", context="row 1")
    assert b"secret" not in stored
    assert encryption.decrypt(stored, context="row 1") == b"secret"
    assert encryption.encrypt(b"secret", context="row 1") != stored


def test_newest_key_encrypts_and_older_ones_decrypt() -> None:
    old = Encryption([OLD]).encrypt(b"secret", context="row")
    both = Encryption([NEW, OLD])
    assert both.decrypt(old, context="row") == b"secret"
    assert not both.is_current(old)
    new = both.encrypt(b"secret", context="row")
    assert both.is_current(new)
    assert Encryption([NEW]).decrypt(new, context="row") == b"secret"
    with pytest.raises(Undecryptable):
        Encryption([OLD]).decrypt(new, context="row")


@pytest.mark.parametrize("cut", [0, 1, 8, 9, 20, 21, 30])
def test_changed_secret_is_undecryptable(cut: int) -> None:
    encryption = Encryption([NEW])
    stored = encryption.encrypt(b"secret", context="row")
    changed = stored[:cut] + bytes([stored[cut] ^ 1]) + stored[cut + 1 :]
    for broken in (stored[:cut], changed, stored + b"x"):
        with pytest.raises(Undecryptable):
            encryption.decrypt(broken, context="row")


def test_secret_moved_to_another_row_is_undecryptable() -> None:
    encryption = Encryption([NEW])
    with pytest.raises(Undecryptable):
        encryption.decrypt(encryption.encrypt(b"secret", context="account A"), context="account B")


def test_encrypt_without_key_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="ENCRYPTION_KEYS: not set"):
        Encryption.of(Settings()).encrypt(b"secret", context="row")


def test_keys_are_read_from_the_setting_newest_first() -> None:
    encryption = Encryption.of(Settings(encryption_keys=f"{NEW}, {OLD}"))
    assert encryption.is_current(Encryption([NEW.strip()]).encrypt(b"x", context=""))
    assert encryption.decrypt(Encryption([OLD.strip()]).encrypt(b"x", context=""), context="") == b"x"


def test_short_key_is_an_invalid_setting() -> None:
    with pytest.raises(SettingsError, match="ENCRYPTION_KEYS: a key is shorter than 32 bytes"):
        config.read({"ENCRYPTION_KEYS": f"{'k' * 32},short"}, needs_servers=False)
