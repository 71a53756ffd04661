"""A RabbitMQ of the tests, with an epmd of its own: Debian's programs, but neither its service nor its user."""

import asyncio
import base64
import hashlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kombu import Connection

from hummdesk.core.errors import CommandError
from hummdesk.dev.process import Process, Service
from hummdesk.dev.redis import free_port
from tests.conftest import make_reachable_directory
from tests.system.redis import certificates as authorities
from tests.system.redis.certificates import Certificates

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The program itself: the one on the PATH runs as the user rabbitmq only."""
EPMD = shutil.which("epmd", path="/usr/local/bin:/usr/bin")
IS_INSTALLED = SERVER.exists() and EPMD is not None
START_SECONDS = 60.0
ATTEMPTS = 3
VHOST = "desk"
RIGHTS = {
    "desk": {VHOST: ".*", "/": ".*", "other": ".*"},
    "reader": {VHOST: "^$"},
    "stranger": {},
}
"""What each user may configure in each virtual host."""


@dataclass
class Rabbitmq:
    folder: Path
    certificates: Certificates
    password: str
    port: int = field(default_factory=lambda: free_port(0))
    tls_port: int = field(default_factory=lambda: free_port(0))
    dist_port: int = field(default_factory=lambda: free_port(0))
    epmd_port: int = field(default_factory=lambda: free_port(0))
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.url_of()

    def url_of(self, user: str = "desk", *, vhost: str = VHOST, password: str = "", place: str = "") -> str:
        return f"amqp://{user}:{password or self.password}@{place or self.place}/{vhost}"

    @property
    def tls_url(self) -> str:
        """Without the authority."""
        return f"amqps://desk:{self.password}@127.0.0.1:{self.tls_port}/{VHOST}"

    def prepare(self) -> None:
        (self.folder / "definitions.json").write_text(json.dumps(self._definitions()))
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "environment").touch()
        tls = {"cacertfile": self.certificates.authority, "certfile": self.certificates.certificate}
        lines = [
            f"listeners.tcp.1 = {self.place}",
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
            *(f"ssl_options.{name} = {path}" for name, path in (tls | {"keyfile": self.certificates.key}).items()),
            "ssl_options.verify = verify_none",
            f"load_definitions = {self.folder / 'definitions.json'}",
            "disk_free_limit.absolute = 1MB",
            "vm_memory_high_watermark.absolute = 1GB",
            "log.console = true",
            "log.file = false",
        ]
        (self.folder / "rabbitmq.conf").write_text("\n".join([*lines, ""]))

    def _definitions(self) -> dict[str, Any]:
        vhosts = sorted({vhost for rights in RIGHTS.values() for vhost in rights})
        return {
            "users": [{"name": user, "password_hash": hashed(self.password), "tags": ""} for user in RIGHTS],
            "vhosts": [{"name": vhost} for vhost in vhosts],
            "permissions": [
                {"user": user, "vhost": vhost, "configure": configure, "write": ".*", "read": ".*"}
                for user, rights in RIGHTS.items()
                for vhost, configure in rights.items()
            ],
        }

    async def start(self) -> None:
        if "epmd" not in self.processes:
            command = (str(EPMD), "-port", str(self.epmd_port), "-address", "127.0.0.1")
            self.processes["epmd"] = await Process.start_ready(self._service("epmd", command), self._has_epmd, 10)
        service = self._service("rabbitmq", (str(SERVER),))
        self.processes["rabbitmq"] = await Process.start_ready(service, self._answers, START_SECONDS)

    def _service(self, name: str, command: tuple[str, ...]) -> Service:
        return Service(name=name, command=command, folder=self.folder, env=self._environment(), stop_seconds=20)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),  # of the cookie
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_NODENAME": f"desk-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "environment"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # The script then becomes the server, which so receives the signals and ends with the test.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +S 2:2 -kernel inet_dist_use_interface {127,0,0,1}",
        }

    async def _has_epmd(self, _pid: int) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.epmd_port)
        except OSError:
            return False
        writer.close()
        return True

    async def _answers(self, _pid: int) -> bool:
        return await asyncio.to_thread(self._accepts)

    def _accepts(self) -> bool:
        with Connection(self.url, connect_timeout=START_SECONDS) as connection:
            try:
                connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            except (*connection.connection_errors, *connection.channel_errors):
                return False  # also while the users are being loaded
            return True

    async def restart(self) -> None:
        """Kill it, and start it with what it had stored."""
        await self.kill()
        await self.start()

    async def kill(self, name: str = "rabbitmq") -> None:
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    async def stop(self) -> None:
        for name in list(self.processes):
            await self.kill(name)


def hashed(password: str) -> str:
    """The hash of a password as RabbitMQ stores it."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


@asynccontextmanager
async def rabbitmq() -> AsyncIterator[Rabbitmq]:
    made = await _started()
    try:
        yield made
    finally:
        await made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)


async def _started() -> Rabbitmq:
    """Start a server; with other ports if another program has taken one of those that were free."""
    for attempt in range(ATTEMPTS):
        folder = make_reachable_directory()
        made = Rabbitmq(folder, authorities.make(folder), secrets.token_hex(8))
        made.prepare()
        try:
            await made.start()
        except CommandError:
            await made.stop()
            shutil.rmtree(folder, ignore_errors=True)
            if attempt == ATTEMPTS - 1:
                raise
        else:
            break
    return made
