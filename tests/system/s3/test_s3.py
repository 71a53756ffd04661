"""Files in an S3 bucket of OpenStack Swift: stored, read, deleted, and while it is away."""

import os
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import obstore
import pytest

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.storage.file_checks import file_findings
from hummdesk.storage.file_store import FileStore, open_store
from tests.integration.operator.forwarding import forwarding
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.integration.server.test_files import Uploader
from tests.system.redis import certificates
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


async def test_checks_of_a_sound_bucket_find_nothing_and_leave_nothing(s3_settings: Settings) -> None:
    assert await file_findings(s3_settings) == []
    store = open_store(s3_settings)
    left = [found["path"] async for batch in obstore.list(store) for found in batch]
    assert [path for path in left if "check" in path] == []


async def test_checks_name_what_is_wrong_with_a_bucket(s3_settings: Settings) -> None:
    async def problem(**wrong: Any) -> str:
        [found] = await file_findings(replace(s3_settings, **wrong))
        assert found.severity == "error"
        return str(found)

    refused = f"S3_ACCESS_KEY_ID: {s3_settings.s3_endpoint} refuses the credentials (SignatureDoesNotMatch)"
    remedy = "; correct S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
    assert await problem(s3_secret_access_key="wrong") == refused + remedy
    assert await problem(s3_access_key_id="unknown") == refused + remedy
    missing = "FILE_STORE: the bucket 'nowhere' does not exist; create it, or correct FILE_STORE"
    assert await problem(file_store="s3://nowhere/desk") == missing
    region = f"S3_REGION: the bucket {BUCKET!r} is in another region; set it to {s3_settings.s3_region}"
    assert await problem(s3_region="eu-central-1") == region
    away = "S3_ENDPOINT: http://127.0.0.1:1 does not answer (Connection refused); start it, or correct the address"
    assert await problem(s3_endpoint="http://127.0.0.1:1") == away


async def test_checks_verify_the_certificate_of_the_bucket(
    s3_settings: Settings, server: Swift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificates.make(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    async with forwarding(server.url, context=context) as url:
        secured = replace(s3_settings, s3_endpoint=url)
        unknown = [str(one) for one in await file_findings(secured)]
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        known = [str(one) for one in await file_findings(secured)]
    expiring = "S3_ENDPOINT: its certificate expires in 0 days; renew it, and check its renewal"
    assert known == [expiring]
    assert unknown[0].startswith(
        f"S3_ENDPOINT: the certificate of {url} is not valid (UnknownIssuer); renew it, or add"
    )
    assert unknown[1:] == [expiring]


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
