"""Files in the relay: it scans them, deletes those that nobody attached, and the objects of deleted ones."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hummdesk.core.config import Settings
from hummdesk.core.periodic import AT_ONCE_SECONDS
from hummdesk.operator import account as operator_account
from hummdesk.operator import contact as operator_contact
from hummdesk.relay import files as relay_files
from hummdesk.relay.antivirus import Scanner
from hummdesk.relay.files import FileKeeper
from hummdesk.storage.database import Database
from hummdesk.storage.file_store import FileStore
from hummdesk.storage.files import UNSCANNABLE
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.integration.server.test_files import PNG, Uploader, attachment, opened_thumbnail, photo

VIRUS = b"VIRUS"
COMMAND = f"sh -c '! grep --quiet {VIRUS.decode()}'"


@pytest.fixture(scope="module")
def file_settings(web_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    store = str(tmp_path_factory.mktemp("files"))
    return replace(web_settings, file_store=store, antivirus_command=COMMAND)


@pytest.fixture(scope="module")
async def url(file_settings: Settings) -> AsyncIterator[str]:
    async with running(file_settings, name="deletion") as (url, _):
        yield url


@pytest.fixture
async def customer(url: str, account: Account) -> AsyncIterator[Uploader]:
    async with aiohttp.ClientSession(url) as session:
        yield Uploader(session, account, "customer")


@pytest.fixture
async def keep(file_settings: Settings) -> AsyncIterator[Callable[..., FileKeeper]]:
    """Makes keepers, as a relay has them, with some other settings."""
    relay = Database(file_settings.postgres, role="hummdesk_relay", size=1, timeout=20)
    eraser = Database(file_settings.postgres, role="hummdesk_eraser", size=1, timeout=20)
    await relay.open()
    await eraser.open()

    def make(**other: Any) -> FileKeeper:
        settings = replace(file_settings, **other)
        return FileKeeper(relay, eraser, FileStore(settings), Scanner(settings))

    yield make
    await relay.close()
    await eraser.close()


async def until_done(step: Callable[[], Any]) -> None:
    while await step() == AT_ONCE_SECONDS:
        pass


def objects(settings: Settings, path: str) -> list[Path]:
    return [found for found in Path(settings.file_store).rglob("*") if path.rpartition("/")[2] in str(found)]


async def attached(url: str, account: Account, path: str) -> None:
    client = await account.client().connect(token=account.token("customer"), url=url)
    message = {"conversationId": str(account.conversation), "content": "See", "attachments": [attachment(path)]}
    await client.do("send_message", message)


async def deletions_due(account: Account) -> list[Any]:
    """Make the deletions of an account due; return their attempts."""
    return await account.execute(
        "UPDATE file_deletions SET due_at = now() WHERE account_id = %(account)s RETURNING attempts"
    )


async def usage(account: Account) -> list[Any]:
    return await account.execute("SELECT bytes FROM file_usage WHERE account_id = %(account)s")


async def test_file_waits_for_its_scan_and_is_ready_or_refused(
    customer: Uploader, keep: Callable[..., FileKeeper]
) -> None:
    clean, infected = await customer.uploads(PNG), await customer.uploads(PNG + VIRUS)
    described = await customer.describes(clean)
    assert (described["state"], described["reason"]) == ("scanning", "The file is being scanned for viruses")
    assert "link" not in described
    assert (await customer.asks("GET", clean)).status == 409
    await until_done(keep().scan_due)
    assert (await customer.describes(clean))["state"] == "ready"
    refused = await customer.describes(infected)
    assert refused["state"] == "refused"
    assert "cannot therefore" not in refused["reason"]
    assert "found something" in refused["reason"]
    assert "link" not in refused


async def test_scanner_that_is_away_leaves_the_file_waiting_and_says_why(
    customer: Uploader, account: Account, keep: Callable[..., FileKeeper]
) -> None:
    path = await customer.uploads(PNG)
    away = keep(antivirus_command="", clamav_address="/nowhere/clamd.ctl")
    await until_done(away.scan_due)
    described = await customer.describes(path)
    assert (described["state"], "has not answered yet" in described["reason"]) == ("scanning", True)
    client = await account.connect("customer")
    message = {"conversationId": str(account.conversation), "content": "See", "attachments": [attachment(path)]}
    refusal = await client.ask("send_message", message)
    assert (refusal["error"]["code"], refusal["error"]["message"]) == ("CONFLICT", described["reason"])
    await account.execute("UPDATE files SET scan_at = now() WHERE account_id = %(account)s")
    await until_done(keep().scan_due)
    assert (await customer.describes(path))["state"] == "ready"


async def test_file_that_can_not_be_scanned_is_refused_after_some_attempts(
    customer: Uploader, account: Account, keep: Callable[..., FileKeeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_files, "MOST_UNDECIDED", 3)
    path = await customer.uploads(PNG)
    undecided = keep(antivirus_command="sh -c 'cat > /dev/null; exit 2'")
    delays = []
    for _ in range(2):
        await account.execute("UPDATE files SET scan_at = now() WHERE account_id = %(account)s")
        await until_done(undecided.scan_due)
        assert (await customer.describes(path))["state"] == "scanning"
        [(delay,)] = await account.execute(
            "SELECT extract(epoch FROM scan_at - now())::float FROM files WHERE account_id = %(account)s"
        )
        delays.append(delay)
    assert delays[1] > delays[0]
    await account.execute("UPDATE files SET scan_at = now() WHERE account_id = %(account)s")
    await until_done(undecided.scan_due)
    described = await customer.describes(path)
    assert (described["state"], described["reason"]) == ("refused", UNSCANNABLE)


async def test_relay_with_another_store_confirms_no_deletion(
    customer: Uploader, account: Account, file_settings: Settings, keep: Callable[..., FileKeeper], tmp_path: Path
) -> None:
    path = await customer.uploads(PNG)
    contact = account.people["customer"].id
    await operator_contact.erase(file_settings, contact)
    await until_done(keep(file_store=str(tmp_path)).delete_objects)
    _, left = await operator_contact.verify(file_settings, contact)
    assert left == {"stored files": 1}
    await deletions_due(account)
    await until_done(keep().delete_objects)
    _, left = await operator_contact.verify(file_settings, contact)
    assert (left, objects(file_settings, path)) == ({}, [])


@asynccontextmanager
async def clamd() -> AsyncIterator[str]:
    """A server of clamd's protocol INSTREAM; return its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(size)
        found = b"stream: Eicar-Test-Signature FOUND\0" if VIRUS in content else b"stream: OK\0"
        writer.write(found)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_clamd_is_asked_by_its_stream_protocol(customer: Uploader, keep: Callable[..., FileKeeper]) -> None:
    clean, infected = await customer.uploads(PNG * 10_000), await customer.uploads(PNG * 10_000 + VIRUS)
    async with clamd() as address:
        await until_done(keep(antivirus_command="", clamav_address=address).scan_due)
    assert (await customer.describes(clean))["state"] == "ready"
    assert (await customer.describes(infected))["reason"].endswith("Eicar-Test-Signature")


async def test_upload_that_is_not_attached_in_time_is_deleted(
    customer: Uploader, account: Account, url: str, file_settings: Settings, keep: Callable[..., FileKeeper]
) -> None:
    kept, left = await customer.uploads(PNG), await customer.uploads(PNG)
    await until_done(keep().scan_due)
    await attached(url, account, kept)
    await account.execute(
        "UPDATE files SET expires_at = now() WHERE account_id = %(account)s AND expires_at IS NOT NULL"
    )
    await until_done(keep().delete_expired)
    assert (await customer.asks("HEAD", left)).status == 404
    assert (await customer.asks("HEAD", kept)).status == 200
    assert await usage(account) == [(len(PNG),)]
    await until_done(keep().delete_objects)
    assert objects(file_settings, left) == []
    assert objects(file_settings, kept) != []


async def test_erased_contact_leaves_no_object_though_the_store_fails_at_first(
    customer: Uploader,
    account: Account,
    url: str,
    file_settings: Settings,
    keep: Callable[..., FileKeeper],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = await customer.uploads(photo(1600))
    unfinished = (await customer.begins(10)).headers["Location"]
    await until_done(keep().scan_due)
    await attached(url, account, path)
    assert (await opened_thumbnail(customer, path)).status == 200
    assert any(found.name.startswith("thumbnail") for found in objects(file_settings, path))
    contact = account.people["customer"].id
    await operator_contact.erase(file_settings, contact)
    assert await account.execute("SELECT count(*) FROM files WHERE account_id = %(account)s") == [(0,)]
    assert await usage(account) == [(0,)]
    _, left = await operator_contact.verify(file_settings, contact)
    assert left == {"stored files": 2}

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr("obstore.delete_async", fail)
        await until_done(keep().delete_objects)
    assert objects(file_settings, path) != []
    assert (1,) in await deletions_due(account)
    await until_done(keep().delete_objects)
    assert objects(file_settings, path) + objects(file_settings, unfinished) == []
    receipt, left = await operator_contact.verify(file_settings, contact)
    assert (left, receipt["verifiedAt"] is not None) == ({}, True)
    assert "'files': 2" in str(receipt["erased"])
    await deletions_due(account)
    await until_done(keep().delete_objects)  # once more, for what a process was storing meanwhile
    assert await deletions_due(account) == []


async def test_erasure_by_an_older_version_deletes_the_files_too(
    customer: Uploader, account: Account, file_settings: Settings, keep: Callable[..., FileKeeper]
) -> None:
    path = await customer.uploads(PNG)
    eraser = Database(file_settings.postgres, role="hummdesk_eraser", size=1, timeout=20)
    await eraser.open()
    async with eraser.account(account.id) as tx:
        await tx.execute("UPDATE conversations SET erased_at = now() WHERE id = %s", [account.conversation])
    await eraser.close()
    assert await account.execute("SELECT count(*) FROM files WHERE account_id = %(account)s") == [(0,)]
    assert await usage(account) == [(0,)]
    await until_done(keep().delete_objects)
    assert objects(file_settings, path) == []


async def test_objects_of_an_erased_account_are_deleted(
    customer: Uploader, account: Account, file_settings: Settings, keep: Callable[..., FileKeeper]
) -> None:
    path = await customer.uploads(PNG)
    await operator_account.erase(file_settings, account.id)
    _, left = await operator_account.verify(file_settings, account.id)
    assert left == {"stored files": 1}
    await until_done(keep().delete_objects)
    _, left = await operator_account.verify(file_settings, account.id)
    assert (left, objects(file_settings, path)) == ({}, [])
