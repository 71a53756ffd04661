"""Names of uploaded files, and what their addresses allow."""

from uuid import uuid4

import pytest
from marshmallow import ValidationError

from hummdesk.contract.fields import AttachmentUrl
from hummdesk.core.errors import Invalid, Unavailable
from hummdesk.server.actions.files import MAX_NAME, clean_name, own_files
from hummdesk.server.http.files import Transfers


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.png", "photo.png"),
        ("jpg.\u202egpj.exe", "jpg.gpj.exe"),
        ("a\r\nSet-Cookie: b", "aSet-Cookie: b"),
        ("..", "file"),
        ("", "file"),
        ("n" * MAX_NAME, "n" * MAX_NAME),
    ],
)
def test_clean_name_removes_folders_and_invisible_characters(given: str, name: str) -> None:
    assert clean_name(given) == name


def test_clean_name_refuses_a_longer_name_with_the_limit() -> None:
    with pytest.raises(Invalid, match="more than 255 characters"):
        clean_name("n" * 10_000)


def test_own_files_returns_those_of_this_server_only() -> None:
    file_id = uuid4()
    addresses = [f"https://elsewhere.example/files/{file_id}", f"/files/{file_id}"]
    assert own_files([{"url": one} for one in addresses]) == [file_id]


@pytest.mark.parametrize("url", ["/files/x", "/files/../x", "//evil.example/files", "javascript:alert(1)", "/", 7])
def test_attachment_url_refuses_what_is_neither_a_file_nor_a_web_address(url: object) -> None:
    with pytest.raises(ValidationError):
        AttachmentUrl().deserialize(url)


def test_transfers_are_limited_in_total_and_for_each_network_until_they_end() -> None:
    transfers = Transfers(3, per_network=2)
    with transfers.one("192.0.2.1"), transfers.one("192.0.2.1"):
        with pytest.raises(Unavailable), transfers.one("192.0.2.1"):
            pass
        with transfers.one("198.51.100.1"), pytest.raises(Unavailable), transfers.one("203.0.113.1"):
            pass
    with transfers.one("192.0.2.1"):
        pass
