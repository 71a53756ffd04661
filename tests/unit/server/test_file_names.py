"""Names of uploaded files, and what their addresses allow."""

import asyncio
from uuid import uuid4

import pytest
from marshmallow import ValidationError

from hummdesk.contract.fields import AttachmentUrl
from hummdesk.core.errors import Invalid, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.server.actions.files import MAX_NAME, clean_name, own_files
from hummdesk.server.http import files as transfer_limits
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


async def test_transfers_are_limited_in_total_and_for_each_network_until_they_end() -> None:
    transfers = Transfers(3, per_network=2, seconds=0)
    async with transfers.one("192.0.2.1"), transfers.one("192.0.2.1"):
        with pytest.raises(Unavailable):
            await transfers.one("192.0.2.1").__aenter__()
        async with transfers.one("198.51.100.1"):
            with pytest.raises(Unavailable):
                await transfers.one("203.0.113.1").__aenter__()
    async with transfers.one("192.0.2.1"):
        pass


async def test_transfer_waits_for_another_one_of_its_network_to_end() -> None:
    transfers = Transfers(2, per_network=1, seconds=60)
    async with transfers.one("192.0.2.1"):
        waiting = asyncio.ensure_future(transfers.one("192.0.2.1").__aenter__())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_transfers_of_an_account_are_limited_in_all_networks() -> None:
    account, other = new_id(), new_id()
    transfers = Transfers(3, per_network=2, per_account=2, seconds=0)
    async with transfers.one("192.0.2.1", account), transfers.one("198.51.100.1", account):
        with pytest.raises(Unavailable):
            await transfers.one("203.0.113.1", account).__aenter__()
        async with transfers.one("203.0.113.1", other):
            pass


async def test_transfers_whose_owners_have_all_their_places_are_awaited_while_others_wait() -> None:
    account, other = new_id(), new_id()
    transfers = Transfers(3, per_network=1, per_account=3, seconds=60)
    async with transfers.one("192.0.2.1", account) as first, transfers.one("198.51.100.1", other) as second:
        waiting = asyncio.ensure_future(transfers.one("192.0.2.1", other).__aenter__())
        await asyncio.sleep(0)
        assert (first(), second()) == (True, False), "of the network that has all its places"
        async with transfers.one("203.0.113.1", other) as third:
            assert (first(), second(), third()) == (True, True, True), "the process has no place left"
    await waiting
    assert not second()


async def test_transfers_that_wait_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_limits, "WAITING_PER_NETWORK", 1)
    transfers = Transfers(1, per_network=1, seconds=60)
    async with transfers.one("192.0.2.1"):
        waiting = asyncio.ensure_future(transfers.one("192.0.2.1").__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await transfers.one("192.0.2.1").__aenter__()
    await waiting
