"""Accounts whose AI runs are processed by a real relay and real Celery workers, each in a process of its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
import pytest
from redis.asyncio import Redis

from hummdesk.bus.client import connect
from hummdesk.bus.envelope import Event
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.core import tokens
from hummdesk.core.broker import Queue
from hummdesk.core.config import Settings
from hummdesk.core.models import Message, Person
from hummdesk.dev import demo
from hummdesk.storage import people
from hummdesk.storage.database import Database
from hummdesk.storage.messages import NewMessage, send
from tests.conftest import Servers
from tests.forked_process import ForkedProcess, fork
from tests.running_time import running_timeout
from tests.suspended_process import suspended
from tests.system.tasks.marks import RELEASED, mark_of

START_SECONDS = 60
STOP_SECONDS = 20
EVENT_SECONDS = 60
BROKER_DATABASE = 7
QUEUES: tuple[Queue, ...] = ("classification", "draft", "bulk")
"""Of the workers, in the order of their start; those of external models follow."""
PATIENT: dict[str, Any] = {"ai_soft_limit_seconds": 12.0, "ai_hard_limit_seconds": 32.0, "ai_deadline_seconds": 90.0}
"""Limits that a busy machine does not reach, where no attempt of a test hangs. The first draft of a process indexes the
account's knowledge, and encodes the sentences of its articles. A result waits for PostgreSQL for half of the time
between both limits."""


@dataclass
class Pipeline:
    settings: Settings
    marks: Path
    database: Database
    customer: Person
    agent: Person
    """The agent of the conversation `assigned`."""
    assigned: UUID
    """A conversation of `customer`, assigned to the agent."""
    unassigned: UUID
    """A conversation of `other_customer` without agent."""
    other_customer: Person
    events: list[Event] = field(default_factory=list)
    main_process: psutil.Process | None = None
    """Of the workers."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the environment of relay and workers, beside the settings."""
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, event: Event) -> None:
        self.events.append(event)
        self._arrived.set()

    async def ask(self, text: str, *, assigned: bool = True) -> Message:
        """Send a question of the customer, in an assigned conversation after a reply to everything before."""
        if not assigned:
            return await self.say(self.other_customer, text, self.unassigned)
        await self.say(self.agent, "Is there anything else?")
        return await self.say(self.customer, text)

    async def say(self, sender: Person, text: str, conversation_id: UUID | None = None) -> Message:
        new = NewMessage(conversation_id=conversation_id or self.assigned, content=text)
        async with self.database.account(sender.account_id) as tx:
            return (await send(tx, sender=sender, message=new)).message

    def events_of(self, message: Message) -> list[Event]:
        """The events of the runs of a message so far, in the order of delivery."""
        about = [event for event in self.events if event.data.get("messageId") == str(message.id)]
        return [event for event in about if event.event != "new_message"]

    def names(self, message: Message) -> list[tuple[str, str]]:
        """The events as (event, kind of run)."""
        return [(event.event, event.data.get("processingType", "")) for event in self.events_of(message)]

    async def until(self, holds: Callable[[], bool], *, seconds: float = EVENT_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self._arrived.clear()
                await self._arrived.wait()

    async def ended(self, message: Message, *kinds: str, seconds: float = EVENT_SECONDS) -> list[Event]:
        """Wait for the terminal events of these runs; return all events of the message."""

        def all_ended() -> bool:
            ends = [kind for event, kind in self.names(message) if event in ("ai_processing_completed", "ai_error")]
            return set(kinds) <= set(ends)

        await self.until(all_ended, seconds=seconds)
        return self.events_of(message)

    async def runs(self, message: Message) -> dict[str, dict[str, Any]]:
        """The rows of the runs of a message by kind."""
        async with self.database.account(self.customer.account_id) as tx:
            found = await tx.execute(
                """SELECT kind, status, outcome, attempts, announced_at IS NOT NULL AS announced,
                       (SELECT count(*) FROM ai_results WHERE run_id = ai_runs.id) AS results
                FROM ai_runs WHERE message_id = %s""",
                (message.id,),
            )
            return {row["kind"]: row async for row in found}

    def calls(self, verb: str, message: Message) -> int:
        """How often the provider was called."""
        return self.calls_of(verb, message.content)

    def calls_of(self, verb: str, text: str) -> int:
        return len(list(self.marks.glob(f"{mark_of(verb, text)}-*")))

    async def called(self, verb: str, text: str, *, times: int = 1) -> None:
        """Wait until the provider was called so often: a worker has begun the run."""
        async with asyncio.timeout(EVENT_SECONDS):
            while self.calls_of(verb, text) < times:
                await asyncio.sleep(0.02)

    async def cut_connections(self) -> None:
        """Terminate every connection to PostgreSQL."""
        async with await psycopg.AsyncConnection.connect(self.settings.postgres, autocommit=True) as connection:
            await connection.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            )

    @property
    def env(self) -> dict[str, str]:
        values = {name.upper(): str(value) for name, value in asdict(self.settings).items()}
        return os.environ | values | {"TEST_MARKS": str(self.marks)} | self.variables

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[psutil.Process]:
        """Workers that have started: the limits of the runs begin with their messages."""
        async with self.process("tests.system.tasks.workers") as process:
            self.main_process = psutil.Process(process.pid)
            for worker in await _children(self.main_process, len(QUEUES)):
                await _children(worker, 1)
            yield self.main_process

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[ForkedProcess]:
        async with self.process("hummdesk", "relay", "--home", str(self.marks)) as process:
            yield process

    @asynccontextmanager
    async def suspended_worker(self, queue: Queue) -> AsyncIterator[None]:
        """Suspend the Celery worker of a queue, so that its runs wait."""
        assert self.main_process is not None
        worker = await worker_of(self.main_process, queue)
        family = [worker, *worker.children(recursive=True)]
        with suspended(family, database_url=self.settings.postgres, roles=["hummdesk_worker"]):
            yield

    @contextmanager
    def lingering(self) -> Iterator[None]:
        """Let the calls that linger return at the end of the block."""
        released = self.marks / RELEASED
        released.unlink(missing_ok=True)
        try:
            yield
        finally:
            released.touch()

    @property
    def log(self) -> Path:
        return self.marks / "log"

    @asynccontextmanager
    async def process(self, *arguments: str) -> AsyncIterator[ForkedProcess]:
        process = await fork(*arguments, env=self.env, log=self.log)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                async with running_timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                raise


@asynccontextmanager
async def pipeline_of(settings: Settings, marks: Path) -> AsyncIterator[Pipeline]:
    """An account with demo data in a separate database, with a reader of its events."""
    loaded = (await demo.load(settings, accounts=1, agents=1, customers=2))["accounts"][0]
    async with AsyncExitStack() as held:
        database = Database(settings.postgres, role="hummdesk_app", size=2, timeout=30)
        await database.open()
        held.push_async_callback(database.close)
        customers = []
        async with database.account(UUID(loaded["id"])) as tx:
            for shown in loaded["customers"]:
                person_id = tokens.verify(settings, shown["token"]).user_id
                customers.append(await people.find_person(tx, person_id=person_id, customer=True))
            agent_id = UUID(loaded["conversations"][0]["assignedTo"])
            agent = await people.find_person(tx, person_id=agent_id, customer=False)
        assert agent is not None
        assert customers[0] is not None
        assert customers[1] is not None
        talks = loaded["conversations"]
        assert talks[0]["assignedTo"] is not None
        assert talks[1]["assignedTo"] is None
        pipeline = Pipeline(
            settings,
            marks,
            database,
            customers[0],
            agent,
            UUID(talks[0]["id"]),
            UUID(talks[1]["id"]),
            customers[1],
        )
        reader = StreamReader(
            connect(settings.redis),
            deliver=pipeline.receive,
            on_loss=lambda shard: pytest.fail(str(shard)),
            keep_seconds=0,
        )
        await reader.follow(customers[0].account_id)
        held.push_async_callback(reader.stop)
        yield pipeline


def fast_failing(settings: Settings, database_url: str, redis_url: str) -> Settings:
    """Settings with time limits of seconds, for attempts that hang: longer than a machine stands still, mostly."""
    return replace(
        settings,
        database_url=database_url,
        redis_url=redis_url,
        ai_max_attempts=2,
        ai_retry_base_seconds=0.05,
        ai_retry_cap_seconds=0.2,
        ai_soft_limit_seconds=4.0,
        ai_hard_limit_seconds=5.0,
        ai_deadline_seconds=60.0,
        ai_quiet_seconds=0.0,
        relay_sweep_seconds=0.5,
        worker_concurrency=1,
        worker_nice=1,
    )


async def private_redis(settings: Settings) -> str:
    """The URL of an empty database of the tests' Redis."""
    url = settings.redis_url.removesuffix("/0") + f"/{BROKER_DATABASE}"
    redis = Redis.from_url(url)
    await redis.flushdb()
    await redis.aclose()
    return url


@pytest.fixture
async def pipeline(settings: Settings, fresh_database_url: str, tmp_path: Path) -> AsyncIterator[Pipeline]:
    """Without relay and workers."""
    quick = fast_failing(settings, fresh_database_url, await private_redis(settings))
    async with pipeline_of(replace(quick, **PATIENT), tmp_path) as desk:
        yield desk


@pytest.fixture(scope="module")
async def running(
    settings: Settings, servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pipeline]:
    """With relay and workers, for all tests of a module."""
    name = await servers.clone(template)
    redis_url = await private_redis(settings)
    marks = tmp_path_factory.mktemp("marks")
    quick = fast_failing(settings, servers.cluster.url(name), redis_url)
    async with pipeline_of(quick, marks) as desk, desk.relay(), desk.worker():
        yield desk
    await servers.drop(name)


async def worker_of(workers: psutil.Process, queue: Queue) -> psutil.Process:
    """The Celery worker of a queue, until it is restarted; without external models."""
    return (await _children(workers, len(QUEUES)))[QUEUES.index(queue)]


async def child_of(workers: psutil.Process, queue: Queue) -> psutil.Process:
    """A worker process of a queue."""
    return (await _children(await worker_of(workers, queue), 1))[0]


async def _children(process: psutil.Process, number: int) -> list[psutil.Process]:
    """Wait for the children of a process; in the order of their start."""
    async with asyncio.timeout(START_SECONDS):
        while len(children := process.children()) < number:
            await asyncio.sleep(0.05)
    return sorted(children, key=psutil.Process.create_time)
