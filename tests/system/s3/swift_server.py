"""OpenStack Swift on this machine: its four servers, with the API of S3, for one bucket."""

import asyncio
import hashlib
import hmac
import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from docs.generate import ROOT
from hummdesk.dev.redis import free_port

PROGRAMS = ROOT / ".venv-swift" / "bin"
USER = pwd.getpwuid(os.getuid()).pw_name
KEY, SECRET, REGION, BUCKET = "test:tester", "testing", "us-east-1", "files"
STORES = ("account", "container", "object")
WAIT_SECONDS = 0.1

COMMON = """[swift-hash]
swift_hash_path_prefix = p
swift_hash_path_suffix = s
[storage-policy:0]
name = zero
default = yes
"""
SERVER = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
user = {user}
"""
STORE = """[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = {region}
allow_multipart_uploads = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
"""


class Swift:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {kind: free_port(0) for kind in (*STORES, "proxy")}
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['proxy']}"

    async def prepare(self) -> None:
        """Write the settings and the rings, which say where the only device is."""
        (self._folder / "devices" / "sda").mkdir(parents=True)
        (self._folder / "swift.conf").write_text(COMMON)
        for kind, port in self._ports.items():
            more = PROXY.format(region=REGION, secret=SECRET) if kind == "proxy" else STORE.format(kind=kind)
            text = SERVER.format(port=port, folder=self._folder, user=USER) + more
            (self._folder / f"{kind}-server.conf").write_text(text)
        await asyncio.gather(*(self._ring(kind) for kind in STORES))

    async def _ring(self, kind: str) -> None:
        builder = f"{kind}.builder"
        for arguments in (
            (builder, "create", "4", "1", "0"),
            (builder, "add", f"r1z1-127.0.0.1:{self._ports[kind]}/sda", "1"),
            (builder, "rebalance"),
        ):
            process = await self._start("swift-ring-builder", *arguments)
            assert await process.wait() == 0, arguments

    async def start(self, *kinds: str) -> None:
        for kind in kinds or self._ports:
            self._processes[kind] = await self._start(f"swift-{kind}-server", f"{kind}-server.conf")

    async def stop(self, *kinds: str) -> None:
        for kind in kinds or tuple(self._processes):
            process = self._processes.pop(kind)
            process.terminate()
            await process.wait()

    async def make_bucket(self) -> None:
        """Wait until all servers answer, and make the bucket. It may exist."""
        async with aiohttp.ClientSession(self.url) as session:
            while True:
                try:
                    async with session.put(f"/{BUCKET}", headers=self._signed()) as answer:
                        if answer.status in (200, 409):
                            return
                except aiohttp.ClientConnectionError:
                    pass
                assert all(process.returncode is None for process in self._processes.values())
                await asyncio.sleep(WAIT_SECONDS)

    def _signed(self) -> dict[str, str]:
        """The headers of a PUT of the bucket, by AWS Signature Version 4."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        empty, names = hashlib.sha256(b"").hexdigest(), "host;x-amz-content-sha256;x-amz-date"
        host = self.url.removeprefix("http://")
        lines = ("PUT", f"/{BUCKET}", "", f"host:{host}", f"x-amz-content-sha256:{empty}", f"x-amz-date:{stamp}", "")
        request = hashlib.sha256("\n".join((*lines, names, empty)).encode()).hexdigest()
        scope = (stamp[:8], REGION, "s3", "aws4_request")
        key = f"AWS4{SECRET}".encode()
        for part in scope:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signed = "\n".join(("AWS4-HMAC-SHA256", stamp, "/".join(scope), request))
        signature = hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={KEY}/{'/'.join(scope)}, SignedHeaders={names}, Signature={signature}"
        return {
            "x-amz-date": stamp,
            "x-amz-content-sha256": empty,
            "Authorization": f"AWS4-HMAC-SHA256 {credential}",
        }

    async def _start(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            PROGRAMS / program,
            *arguments,
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )


@asynccontextmanager
async def swift(folder: Path) -> AsyncIterator[Swift]:
    """Run Swift with an empty bucket."""
    server = Swift(folder)
    await server.prepare()
    await server.start()
    try:
        await server.make_bucket()
        yield server
    finally:
        await server.stop()
