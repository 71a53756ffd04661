"""Files in an S3 bucket of OpenStack Swift: stored, read, deleted, and while it is away."""

import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.storage.file_store import FileStore
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.integration.server.test_files import Uploader
from tests.system.s3.swift_server import BUCKET, KEY, PROGRAMS, SECRET, Swift, swift

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("OpenStack Swift"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(not PROGRAMS.exists(), reason="Swift is not installed: `make test-systems` installs it"),
]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Swift]:
    folder = tmp_path_factory.mktemp("swift")
    try:
        os.setxattr(folder, "user.test", b"1")
    except OSError:
        pytest.skip(f"Swift needs user attributes of files, which the file system of {folder} does not have")
    async with swift(folder) as server:
        yield server


@pytest.fixture(scope="module")
def s3_settings(web_settings: Settings, server: Swift) -> Settings:
    return replace(
        web_settings,
        file_store=f"s3://{BUCKET}/desk",
        s3_endpoint=server.url,
        s3_access_key_id=KEY,
        s3_secret_access_key=SECRET,
    )


async def test_objects_are_stored_read_in_order_and_deleted_together(s3_settings: Settings) -> None:
    unmarked = replace(s3_settings, file_store=f"s3://{BUCKET}/{new_id()}")
    store, account, file = FileStore(unmarked), new_id(), new_id()
    parts = {"000-a": secrets.token_bytes(500_000), "001-b": b"end"}
    for name, content in parts.items():
        await store.put(account, file, name, content)
    await store.put(account, other := new_id(), "000-c", b"other")
    assert [part async for part in store.read(account, file, list(parts))] == list(parts.values())
    assert await store.delete(account, file) == 2
    with pytest.raises(Unavailable):  # it could be another bucket than that of the web processes
        await store.delete(account, file)
    await store.mark()
    assert await store.delete(account, file) == 0
    assert [part async for part in store.read(account, other, ["000-c"])] == [b"other"]


async def test_wrong_key_and_missing_bucket_are_unavailable_without_details(s3_settings: Settings) -> None:
    wrongs: tuple[dict[str, Any], ...] = ({"s3_secret_access_key": "wrong"}, {"file_store": "s3://nowhere"})
    for wrong in wrongs:
        with pytest.raises(Unavailable) as refused:
            await FileStore(replace(s3_settings, **wrong)).put(new_id(), new_id(), "000", b"x")
        assert refused.value.message == "The file store does not answer; the upload can be continued later"


async def test_upload_continues_after_the_store_was_away(
    s3_settings: Settings, server: Swift, account: Account, tmp_path: Path
) -> None:
    content = secrets.token_bytes(2_000_000)
    async with running(s3_settings, name="s3") as (url, _), aiohttp.ClientSession(url) as session:
        agent = Uploader(session, account, "agent")
        path = (await agent.begins(len(content), "video.mp4")).headers["Location"]
        assert (await agent.continues(path, content[:700_000], 0)).status == 204
        await server.stop("proxy")
        assert (await agent.continues(path, content[700_000:], 700_000)).status == 503
        await server.start("proxy")
        await server.make_bucket()
        offset = int((await agent.asks("HEAD", path)).headers["Upload-Offset"])
        assert offset == 700_000
        assert (await agent.continues(path, content[offset:], offset)).status == 204
        assert await (await agent.opens(path)).read() == content
