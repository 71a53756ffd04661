"""Files: resumable uploads, who may read them, and what they are served as."""

import asyncio
import base64
import io
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from PIL import Image

from hummdesk.core import thumbnails
from hummdesk.core.config import Settings
from hummdesk.core.errors import Conflict, RateLimited, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.operator import account as operator_account
from hummdesk.server.actions import files as actions
from hummdesk.server.http import files as transfers
from hummdesk.server.node import Node
from hummdesk.storage import files
from hummdesk.storage.file_store import CHUNK_BYTES
from tests.integration.server.accounts import Account, Client
from tests.integration.server.conftest import running

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03\x08\x06\x00\x00\x00" + bytes(40)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.cookie)</script>"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}


class Uploader:
    """A person of an account who uploads by the tus protocol, without a client library."""

    def __init__(self, session: aiohttp.ClientSession, account: Account, name: str) -> None:
        self.session = session
        self.account = account
        self.headers = {"Authorization": f"Bearer {account.token(name)}"}

    async def asks(self, method: str, path: str, **headers: str) -> aiohttp.ClientResponse:
        return await self.sends(method, path, None, **headers)

    async def sends(self, method: str, path: str, content: Any, **headers: str) -> aiohttp.ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.session.request(
            method,
            path,
            data=io.BytesIO(content) if isinstance(content, bytes) else content,
            headers=self.headers | TUS | named,
            allow_redirects=False,
        )
        await answer.read()
        return answer

    async def begins(self, size: int, name: str = "photo.png", **more: Any) -> aiohttp.ClientResponse:
        conversation = str(more.pop("conversation", self.account.conversation))
        values = {"filename": name, "filetype": "image/png", "conversationId": conversation}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
        return await self.asks("POST", "/files", Upload_Length=str(size), Upload_Metadata=metadata, **more)

    async def continues(self, path: str, content: Any, offset: int) -> aiohttp.ClientResponse:
        return await self.sends("PATCH", path, content, Upload_Offset=str(offset), Content_Type=BYTES["Content-Type"])

    async def uploads(self, content: bytes, name: str = "photo.png") -> str:
        """Upload a whole file; return its stable address."""
        path = (await self.begins(len(content), name)).headers["Location"]
        answer = await self.continues(path, content, 0)
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(len(content)))
        return path

    async def describes(self, path: str, status: int = 200) -> Any:
        answer = await self.asks("GET", path, Accept="application/json")
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def opens(self, path: str) -> aiohttp.ClientResponse:
        """Read a file at its address that expires, as a browser without any credentials."""
        answer = await self.session.get((await self.describes(path))["link"])
        await answer.read()
        return answer


@pytest.fixture(scope="module")
async def files_desk(
    web_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, Node]]:
    store = tmp_path_factory.mktemp("files")
    settings = replace(web_settings, file_store=str(store), max_file_bytes=4_000_000, max_open_uploads_per_person=3)
    async with running(settings, name="files") as desk:
        yield desk


@pytest.fixture
async def session(files_desk: tuple[str, Node]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(files_desk[0]) as session:
        yield session


@pytest.fixture
def agent(session: aiohttp.ClientSession, account: Account) -> Uploader:
    return Uploader(session, account, "agent")


@pytest.fixture
def customer(session: aiohttp.ClientSession, account: Account) -> Uploader:
    return Uploader(session, account, "customer")


def attachment(path: str, **lies: Any) -> dict[str, Any]:
    return {"url": path, "filename": "f", "contentType": "text/html", "size": 1} | lies


async def sent(client: Client, account: Account, *paths: str, private: bool = False, **more: Any) -> dict[str, Any]:
    return await client.ask(
        "send_message",
        {"conversationId": str(account.conversation), "content": "See", "private": private}
        | {"attachments": [attachment(path) for path in paths]}
        | more,
    )


async def connected(account: Account, files_desk: tuple[str, Node], name: str) -> Client:
    return await account.client().connect(token=account.token(name), url=files_desk[0])


async def test_upload_arrives_is_sniffed_and_served_inert(agent: Uploader) -> None:
    path = await agent.uploads(PNG, "façade \u202egnp.exe")
    shown = await agent.describes(path)
    link = shown.pop("link")
    assert shown == {
        "id": path.rpartition("/")[2],
        "url": path,
        "filename": "façade gnp.exe",
        "size": len(PNG),
        "state": "ready",
        "isImage": True,
        "contentType": "image/png",
        "width": 2,
        "height": 3,
        "expiresIn": 300,
    }
    answer = await agent.session.get(link)
    assert await answer.read() == PNG
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    expected = "inline; filename=\"fa_ade gnp.exe\"; filename*=UTF-8''fa%C3%A7ade%20gnp.exe"
    assert answer.headers["Content-Disposition"] == expected
    redirect = await agent.asks("GET", path)
    assert (redirect.status, redirect.headers["Location"].partition("?")[0]) == (302, f"{path}/content")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (HTML, "text/plain; charset=utf-8"),
        (SVG, "text/plain; charset=utf-8"),
        (b"\x00\x01MZ", "application/octet-stream"),
    ],
)
async def test_html_svg_and_programs_named_as_images_are_downloads(
    agent: Uploader, content: bytes, content_type: str
) -> None:
    path = await agent.uploads(content, "photo.png")
    assert not (await agent.describes(path))["isImage"]
    answer = await agent.opens(path)
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_upload_that_was_cut_three_times_arrives_whole(agent: Uploader) -> None:
    content = secrets.token_bytes(3_500_000)
    path = (await agent.begins(len(content), "video.mp4")).headers["Location"]
    offset = 0
    for part in (CHUNK_BYTES + 1, 2 * CHUNK_BYTES, CHUNK_BYTES + 100_000):

        async def body(start: int = offset, end: int = offset + part) -> AsyncIterator[bytes]:
            yield content[start:end]
            await asyncio.Event().wait()  # until the connection is cut

        until = offset - offset % CHUNK_BYTES
        task = asyncio.ensure_future(agent.continues(path, body(), offset))
        while offset <= until:
            offset = int((await agent.asks("HEAD", path)).headers["Upload-Offset"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        offset = int((await agent.asks("HEAD", path)).headers["Upload-Offset"])
        assert offset < len(content)
    answer = await agent.continues(path, content[offset:], offset)
    if answer.status == 409:  # the request that was cut has stored one more object
        offset = int((await agent.asks("HEAD", path)).headers["Upload-Offset"])
        answer = await agent.continues(path, content[offset:], offset)
    assert answer.headers["Upload-Offset"] == str(len(content))
    assert await (await agent.opens(path)).read() == content


async def test_lies_about_offset_size_type_and_version_are_refused(agent: Uploader) -> None:
    path = (await agent.begins(10)).headers["Location"]
    assert (await agent.continues(path, b"12345", 5)).status == 409
    assert (await agent.continues(path, b"123456789012", 0)).status == 413
    assert (await agent.sends("PATCH", path, b"1", Upload_Offset="0", Content_Type="image/png")).status == 415
    assert (await agent.continues(path, b"1", -1)).status == 422
    old = await agent.asks("HEAD", path, Tus_Resumable="0.2.2")
    assert (old.status, old.headers["Tus-Version"]) == (412, "1.0.0")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    assert (await agent.continues(path, endless(), 0)).status == 413
    assert (await agent.asks("HEAD", path)).headers["Upload-Offset"] == "0"
    assert (await agent.continues(path, b"1234567890", 0)).status == 204
    assert (await agent.continues(path, b"1", 10)).status == 409


@pytest.mark.parametrize(
    ("size", "name", "status", "said"),
    [
        (0, "a", 422, "empty"),
        (4_000_001, "a", 413, "at most 4,000,000"),
        (1, "n" * 300, 422, "at most 255 characters"),
    ],
)
async def test_upload_that_is_too_much_is_refused_with_a_reason(
    agent: Uploader, size: int, name: str, status: int, said: str
) -> None:
    answer = await agent.begins(size, name)
    assert answer.status == status
    assert said.replace("at most 255", "more than 255") in (await answer.json())["detail"]


async def test_name_of_ten_thousand_characters_is_refused(agent: Uploader) -> None:
    assert (await agent.begins(1, "n" * 10_000)).status in (413, 431)
    assert (await agent.begins(1, "n")).status == 201


async def test_open_uploads_of_a_person_are_limited_until_one_is_cancelled(agent: Uploader, customer: Uploader) -> None:
    paths = [(await agent.begins(10)).headers["Location"] for _ in range(3)]
    assert (await agent.begins(10)).status == 429
    assert (await customer.begins(10)).status == 201
    assert (await agent.asks("DELETE", paths[0])).status == 204
    assert (await agent.asks("HEAD", paths[0])).status == 404
    assert (await agent.begins(10)).status == 201


async def test_capabilities_are_answered_to_any_origin(agent: Uploader) -> None:
    answer = await agent.session.options("/files", headers={"Origin": "https://shop.example"})
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,expiration,termination"
    assert answer.headers["Tus-Max-Size"] == "4000000"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_files_are_for_their_account_and_conversation_only(
    session: aiohttp.ClientSession, account: Account, foreign: Account, agent: Uploader, customer: Uploader
) -> None:
    path = await agent.uploads(PNG)
    for stranger in (Uploader(session, foreign, "agent"), Uploader(session, account, "stranger"), customer):
        assert (await stranger.asks("GET", path, Accept="application/json")).status == 404
        assert (await stranger.asks("HEAD", path)).status == 404
        assert (await stranger.continues(path, b"1", 0)).status == 404
        assert (await stranger.asks("DELETE", path)).status == 404
    assert (await session.get(path)).status == 401
    viewer = Uploader(session, account, "viewer")
    assert (await viewer.describes(path))["state"] == "ready"
    assert (await viewer.begins(1)).status == 403
    other = Uploader(session, account, "stranger")
    assert (await other.begins(1)).status == 404


def photo(side: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (side, side // 2), (10, 120, 90)).save(written, "PNG")
    return written.getvalue()


async def opened_thumbnail(uploader: Uploader, path: str) -> aiohttp.ClientResponse:
    return await uploader.session.get((await uploader.describes(path))["thumbnail"], allow_redirects=False)


async def test_thumbnail_of_a_large_image_is_made_once_and_read_without_credentials(
    agent: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await agent.uploads(photo(1600))
    made = 0
    scale = thumbnails.scale

    async def counted(content: AsyncIterator[bytes]) -> bytes:
        nonlocal made
        made += 1
        return await scale(content)

    monkeypatch.setattr(thumbnails, "scale", counted)
    for answer in [await opened_thumbnail(agent, path) for _ in range(2)]:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
        assert Image.open(io.BytesIO(await answer.read())).size == (640, 320)
    assert made == 1


async def test_image_that_cannot_be_scaled_is_read_whole_and_not_scaled_again(
    agent: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = PNG[:16] + (1600).to_bytes(4, "big") * 2 + PNG[24:]
    path = await agent.uploads(broken)
    first = await opened_thumbnail(agent, path)

    async def unexpected(_: AsyncIterator[bytes]) -> bytes:
        raise AssertionError

    monkeypatch.setattr(thumbnails, "scale", unexpected)
    for answer in (first, await opened_thumbnail(agent, path)):
        assert (answer.status, answer.headers["Location"].partition("?")[0]) == (302, f"{path}/content")
    assert await (await agent.session.get(first.headers["Location"])).read() == broken


async def test_image_is_read_whole_without_pillow_and_scaled_once_it_is_installed(
    agent: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await agent.uploads(photo(1600))
    link = (await agent.describes(path))["thumbnail"]
    with monkeypatch.context() as without_pillow:
        without_pillow.setattr(thumbnails, "is_on", lambda: False)
        assert "thumbnail" not in await agent.describes(path)
        assert (await agent.session.get(link, allow_redirects=False)).status == 302
    assert (await opened_thumbnail(agent, path)).status == 200


async def test_thumbnails_of_small_images_and_of_other_files_do_not_exist(agent: Uploader) -> None:
    small, text = await agent.uploads(PNG), await agent.uploads(b"a text" * 20_000)
    for path in (small, text):
        assert "thumbnail" not in await agent.describes(path)
    link = (await agent.describes(text))["link"]
    assert (await agent.session.get(link.replace("/content", "/thumbnail"))).status == 404


async def test_changed_and_expired_links_are_refused(agent: Uploader, foreign: Account, files_desk: Any) -> None:
    path = await agent.uploads(PNG)
    link = (await agent.describes(path))["link"]
    assert (await agent.session.get(link)).status == 200
    changed = [
        link.replace("expires=", "expires=9"),
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link.replace(str(agent.account.id), str(foreign.id)),
        link.partition("?")[0],
        link.replace("/content", "/thumbnail").replace("expires=", "expires=9"),
    ]
    for one in changed:
        assert (await agent.session.get(one)).status == 404, one
    context = files_desk[1].context
    async with context.database.account(agent.account.id) as tx:
        file = await files.linked(tx, UUID(path.rpartition("/")[2]))
    assert (await agent.session.get(actions.link(agent.account.id, file, seconds=-1))).status == 404


async def test_message_refers_to_the_file_with_what_the_server_found(
    account: Account, files_desk: Any, agent: Uploader, customer: Uploader
) -> None:
    path = await customer.uploads(PNG, "receipt.png")
    client = await connected(account, files_desk, "customer")
    staff = await connected(account, files_desk, "agent")
    assert (await sent(client, account, path))["ok"]
    message = await staff.receives("new_message")
    assert message["attachments"] == [
        {"url": path, "filename": "receipt.png", "contentType": "image/png", "size": len(PNG), "width": 2, "height": 3}
    ]
    assert (await agent.opens(path)).status == 200
    assert (await customer.asks("DELETE", path)).status == 409
    assert (await sent(client, account, path))["ok"]


async def test_files_of_replies_are_for_the_customer_and_those_of_notes_are_not(
    account: Account, files_desk: Any, agent: Uploader, customer: Uploader
) -> None:
    public, private = await agent.uploads(PNG), await agent.uploads(PNG)
    staff = await connected(account, files_desk, "agent")
    assert (await sent(staff, account, public))["ok"]
    assert (await sent(staff, account, private, private=True))["ok"]
    assert (await customer.opens(public)).status == 200
    assert (await customer.asks("GET", private, Accept="application/json")).status == 404


async def test_message_with_anothers_or_an_unfinished_file_is_refused(
    account: Account, files_desk: Any, agent: Uploader, customer: Uploader
) -> None:
    theirs, ready = await agent.uploads(PNG), await customer.uploads(PNG)
    unfinished = (await customer.begins(10)).headers["Location"]
    client = await connected(account, files_desk, "customer")
    assert (await sent(client, account, ready, theirs))["error"]["code"] == "VALIDATION_ERROR"
    assert (await sent(client, account, unfinished))["error"]["code"] == "CONFLICT"
    rows = await account.execute(
        "SELECT count(*) FROM files WHERE account_id = %(account)s AND attached_at IS NOT NULL"
    )
    assert rows == [(0,)]


async def test_files_of_a_refused_message_are_as_before_it(
    account: Account, files_desk: Any, agent: Uploader, customer: Uploader
) -> None:
    unsent, other, noted, answered = [await agent.uploads(PNG) for _ in range(4)]
    staff = await connected(account, files_desk, "agent")
    colleague = await connected(account, files_desk, "colleague")
    assert (await sent(staff, account, noted, private=True))["ok"]
    assert (await sent(staff, account, answered))["ok"]
    assert (await sent(colleague, account))["ok"]
    refusal = await sent(staff, account, unsent, other, noted, answered, basedOnSeq=0)
    assert refusal["error"]["code"] == "CONFLICT"
    for path, status in ((unsent, 404), (noted, 404), (answered, 200)):
        assert (await customer.asks("GET", path, Accept="application/json")).status == status
    assert (await agent.asks("DELETE", unsent)).status == 204
    assert (await agent.asks("DELETE", noted)).status == 409
    assert "Upload-Expires" in (await agent.asks("HEAD", other)).headers
    assert (await sent(staff, account, other, private=True))["ok"]
    assert (await customer.asks("GET", other, Accept="application/json")).status == 404


async def test_message_sent_for_another_refers_to_files_of_its_caller(
    session: aiohttp.ClientSession, account: Account, customer: Uploader
) -> None:
    admin = Uploader(session, account, "admin")
    for sender in ({"as": "contact"}, {"as": "agent", "agentId": str(account.people["agent"].id)}):
        path = await admin.uploads(PNG)
        body = sender | {"content": "See", "attachments": [attachment(path)]}
        address = f"/api/v1/conversations/{account.conversation}/messages"
        async with session.post(address, json=body, headers=admin.headers) as answer:
            assert answer.status == 201, await answer.text()
        assert (await customer.opens(path)).status == 200


async def test_repeated_note_with_another_audience_does_not_publish_its_file(
    account: Account, files_desk: Any, agent: Uploader, customer: Uploader
) -> None:
    path = await agent.uploads(PNG)
    staff = await connected(account, files_desk, "agent")
    assert (await sent(staff, account, path, private=True, clientMessageId="one"))["ok"]
    assert (await sent(staff, account, path, clientMessageId="one"))["ok"]
    assert (await customer.asks("GET", path, Accept="application/json")).status == 404


async def test_file_of_a_message_that_opens_a_follow_up_belongs_to_the_follow_up(
    account: Account, files_desk: Any, agent: Uploader, customer: Uploader
) -> None:
    path = await customer.uploads(PNG)
    client, staff = [await connected(account, files_desk, name) for name in ("customer", "agent")]
    await staff.do("update_conversation_status", {"conversationId": str(account.conversation), "status": "closed"})
    await account.execute(
        "UPDATE conversations SET updated_at = updated_at - interval '15 days' WHERE id = %(id)s",
        id=account.conversation,
    )
    first = await sent(client, account, path, clientMessageId="one")
    follow_up = UUID(first["conversationId"])
    assert follow_up != account.conversation
    assert await account.execute("SELECT conversation_id FROM files WHERE account_id = %(account)s") == [(follow_up,)]
    assert await sent(client, account, path, clientMessageId="one") == first, "a repeat"
    assert (await sent(client, account, path, clientMessageId="two"))["conversationId"] == str(follow_up)
    for reader in (agent, customer):
        assert (await reader.opens(path)).status == 200
    assert (await customer.asks("DELETE", path)).status == 409


async def test_store_that_is_away_is_unavailable_and_the_upload_continues_later(
    files_desk: Any, agent: Uploader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = files_desk[1].context.file_store
    path = (await agent.begins(len(PNG))).headers["Location"]

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("/secret/path is away")

    with monkeypatch.context() as patched:
        patched.setattr("obstore.put_async", fail)
        answer = await agent.continues(path, PNG, 0)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (await answer.json())["detail"] == "The file store does not answer; the upload can be continued later"
    assert (await agent.continues(path, PNG, 0)).status == 204
    with monkeypatch.context() as patched:
        patched.setattr("obstore.get_async", fail)
        assert (await agent.opens(path)).status == 503
    assert store.is_on


async def test_quota_of_the_account_is_kept(agent: Uploader, web_settings: Settings, tmp_path: Path) -> None:
    settings = replace(web_settings, file_store=str(tmp_path), file_quota_bytes=100)
    async with running(settings, name="quota") as (url, _), aiohttp.ClientSession(url) as session:
        uploader = Uploader(session, agent.account, "agent")
        paths = [(await uploader.begins(60)).headers["Location"]]
        refused = await uploader.begins(60)
        assert (refused.status, "quota" in (await refused.json())["detail"]) == (413, True)
        await uploader.asks("DELETE", paths[0])
        assert (await uploader.begins(60)).status == 201


@pytest.mark.parametrize(("own", "fits"), [(50, False), (200, True), (0, True), (None, False)])
async def test_own_quota_of_an_account_replaces_the_default(
    agent: Uploader, web_settings: Settings, tmp_path: Path, own: int | None, fits: bool
) -> None:
    settings = replace(web_settings, file_store=str(tmp_path), file_quota_bytes=100)
    await operator_account.set_file_quota(settings, agent.account.id, own)
    async with running(settings, name="own-quota") as (url, _), aiohttp.ClientSession(url) as session:
        uploader = Uploader(session, agent.account, "agent")
        assert (await uploader.begins(150)).status == (201 if fits else 413)
        used = await operator_account.file_usage(settings, agent.account.id)
        assert used == {"bytes": 150 if fits else 0, "quotaBytes": 100 if own is None else own or None}
        admin = Uploader(session, agent.account, "admin")
        answer = await session.get("/api/v1/settings/files", headers=admin.headers)
        assert await answer.json() == used


async def test_customers_reserve_only_a_share_of_the_quota(
    agent: Uploader, web_settings: Settings, tmp_path: Path
) -> None:
    settings = replace(web_settings, file_store=str(tmp_path), file_quota_bytes=100)
    async with running(settings, name="share") as (url, _), aiohttp.ClientSession(url) as session:
        customer, staff = (Uploader(session, agent.account, name) for name in ("customer", "agent"))
        begun = await customer.begins(20)
        assert begun.status == 201
        assert (await customer.begins(20)).status == 413
        assert (await staff.begins(75)).status == 201
        before = parsedate_to_datetime(begun.headers["Upload-Expires"])
        assert before - datetime.now(UTC) < timedelta(hours=1)
        assert (await customer.continues(begun.headers["Location"], b"1", 0)).status == 204
        head = await customer.asks("HEAD", begun.headers["Location"])
        assert parsedate_to_datetime(head.headers["Upload-Expires"]) - before > timedelta(hours=20)


async def test_upload_in_too_many_small_parts_is_refused(agent: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SMALL_OBJECTS", 2)
    path = (await agent.begins(10)).headers["Location"]
    assert [(await agent.continues(path, b"1", offset)).status for offset in range(3)] == [204, 204, 422]


async def test_slow_uploads_end_for_one_that_waits(
    session: aiohttp.ClientSession, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, entered = transfers._receive, asyncio.Semaphore(0)

    async def receive_and_report(*arguments: Any) -> int:
        entered.release()
        return await receive(*arguments)

    async def slow() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.Event().wait()

    monkeypatch.setattr(transfers, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(transfers, "_receive", receive_and_report)
    people = [Uploader(session, account, name) for name in ("agent", "colleague", "customer")]
    begun = [(one, (await one.begins(10)).headers["Location"]) for one in people for _ in range(3)]
    slow_ones = [asyncio.ensure_future(one.continues(path, slow(), 0)) for one, path in begun[1:]]
    assert len(slow_ones) == transfers.RECEIVING_PER_NETWORK
    for _ in slow_ones:
        await entered.acquire()
    uploader, path = begun[0]
    assert (await uploader.continues(path, b"1234567890", 0)).headers["Upload-Offset"] == "10"
    ended = await next(asyncio.as_completed(slow_ones))
    assert (ended.status, ended.headers["Upload-Offset"]) == (204, "1")
    for one in slow_ones:
        one.cancel()
    await asyncio.gather(*slow_ones, return_exceptions=True)


async def test_requests_of_a_person_count_as_rest_requests(
    agent: Uploader, files_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await agent.uploads(PNG)

    async def refuse(_: Person) -> None:
        raise RateLimited(limit="person_calls", retry_after=1)

    monkeypatch.setattr(files_desk[1].context.rate_limits, "require_call", refuse)
    answers = [await agent.begins(1), await agent.continues(path, b"1", 0)]
    answers += [await agent.asks(method, path) for method in ("HEAD", "GET", "DELETE")]
    assert [answer.status for answer in answers] == [429] * 5


async def test_content_is_limited_by_address_and_expired_links_query_nothing(
    agent: Uploader, files_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = (await agent.describes(await agent.uploads(PNG)))["link"]
    context = files_desk[1].context

    async def refuse(_: str) -> None:
        raise RateLimited(limit="address_events", retry_after=1)

    with monkeypatch.context() as patched:
        patched.setattr(context.rate_limits, "require_address", refuse)
        assert (await agent.session.get(link)).status == 429
    monkeypatch.setattr(files, "linked", None)
    assert (await agent.session.get(link.replace("expires=", "expires=1&unused="))).status == 404


async def test_object_of_a_request_that_lost_a_race_is_deleted(
    agent: Uploader, files_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (await agent.begins(10)).headers["Location"]
    append = files.append

    async def overtaken(*_: Any, **__: Any) -> int:
        raise Conflict

    monkeypatch.setattr(files, "append", overtaken)
    assert (await agent.continues(path, b"12345", 0)).status == 409
    store = Path(files_desk[1].context.settings.file_store)
    assert not [found for found in store.rglob("*") if found.is_file() and path.rpartition("/")[2] in str(found)]
    monkeypatch.setattr(files, "append", append)
    assert (await agent.continues(path, b"12345", 0)).status == 204


async def test_image_with_a_huge_side_is_a_download(agent: Uploader) -> None:
    path = await agent.uploads(PNG[:16] + b"\xff" * 8 + PNG[24:])
    shown = await agent.describes(path)
    assert (shown["state"], shown["isImage"]) == ("ready", False)


async def test_metadata_that_is_not_ascii_is_refused_with_a_reason(agent: Uploader) -> None:
    answer = await agent.asks("POST", "/files", Upload_Length="1", Upload_Metadata="filename é")
    assert (answer.status, "Base64" in (await answer.json())["detail"]) == (422, True)


async def test_failure_is_readable_by_pages_of_other_origins(agent: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(actions, "of_uploader", fail)
    answer = await agent.asks("HEAD", f"/files/{new_id()}")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (500, "*")


async def test_colleague_reads_a_whole_file_that_was_not_finished(
    session: aiohttp.ClientSession, account: Account, agent: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (await agent.begins(len(PNG))).headers["Location"]

    async def fail(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(actions, "finish", fail)
        assert (await agent.continues(path, PNG, 0)).status == 503
    assert (await Uploader(session, account, "colleague").describes(path))["state"] == "ready"


async def test_without_a_store_uploads_are_refused(account: Account) -> None:
    async with aiohttp.ClientSession(account.url) as session:
        answer = await Uploader(session, account, "agent").begins(1)
    assert (answer.status, "FILE_STORE" in (await answer.json())["detail"]) == (503, True)
