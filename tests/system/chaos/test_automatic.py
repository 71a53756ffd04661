"""Fault 38: agents answer while the AI does, and its processes are killed: it never answers after a person."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
import pytest

from hummdesk.core.ids import new_id
from tests.integration.server.accounts import Account
from tests.running_time import running_seconds
from tests.system.chaos.client import Client
from tests.system.chaos.deployment import RELAY, WORKER, Deployment, deploy
from tests.system.chaos.load import client_of
from tests.system.chaos.report import FULL, row, size

pytestmark = pytest.mark.timeout(size(300, 3600))

RACES = size(40, 10_000)
AT_ONCE = size(20, 32)
ANSWER_SECONDS = 0.3
"""What an automatic answer is assumed to take until some have been measured."""
MEASURED = 50
"""The newest automatic answers from which it is estimated when the next one is sent."""
POLL_SECONDS = 0.05
OVERLAP_SECONDS = size(60, 15)
"""How much later an automatic answer may be committed than at the time that is stored with it."""
SETTLE_SECONDS = 180.0
PAUSE_SECONDS = (0.5, 3)
"""Between two kills, at least and at most."""
VICTIMS = ("process of a worker", "process of a worker", "connections of workers", "workers", RELAY, "web-0")
TERMINATE_WORKERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hummdesk_worker'"

WORKERS = "tests.system.chaos.answering_workers"

QUESTION = "How long do I have to return a bicycle?"
SECOND_QUESTION = "Who pays for sending a bicycle back?"
REPLY = "Done."
"""Too short to be learned from: indexing past answers would take most of the CPU time."""
ARTICLE = "You can return a bicycle within 30 days of its delivery. We pay for sending a bicycle back."

ORDER_LOGS = """
    SELECT
        conversation_id::text,
        string_agg(
            CASE
                WHEN metadata ? 'handedOver' THEN 'H'
                WHEN metadata ? 'automatic' THEN 'A'
                WHEN sender_type = 'agent' THEN 'P'
                ELSE 'C'
            END,
            '' ORDER BY seq
        )
    FROM messages
    WHERE account_id = %(account)s
    GROUP BY conversation_id
"""
"""Each conversation as a text, a letter for each message: of the Customer, Automatic, of a Person, Handed over."""
AUTOMATIC = """
    SELECT conversation_id::text, EXTRACT(epoch FROM first_at - created_at)::float8, first_at::text
    FROM automatic_conversations
    JOIN conversations ON conversations.account_id = %(account)s AND id = conversation_id
    WHERE automatic_conversations.account_id = %(account)s
        AND first_at > %(since)s::timestamptz - make_interval(secs => %(overlap)s)
    ORDER BY first_at
"""
DURING_A_DRAFT = """
    SELECT count(DISTINCT messages.id)
    FROM messages
    JOIN ai_runs USING (account_id, conversation_id)
    WHERE account_id = %(account)s AND sender_type = 'agent' AND ai_runs.kind = 'draft'
        AND messages.created_at BETWEEN started_at AND finished_at
"""
OPEN_RUNS = "SELECT count(*) FROM ai_runs WHERE account_id = %(account)s AND finished_at IS NULL"


@dataclass
class Answers:
    """The first automatic answer of each conversation, as the races observe it."""

    account: Account
    seconds: list[float] = field(default_factory=list)
    """From each question to its answer."""
    _answered: dict[str, asyncio.Event] = field(default_factory=dict)

    def of(self, conversation: str) -> asyncio.Event:
        return self._answered.setdefault(conversation, asyncio.Event())

    def moment(self) -> float:
        """A random number of seconds after a question, in which half of the automatic answers are sent."""
        return random.uniform(0, 2 * median(self.seconds[-MEASURED:] or [ANSWER_SECONDS]))

    async def watch(self, is_over: asyncio.Event) -> None:
        since = "-infinity"
        while not is_over.is_set():
            found = await self.account.execute(AUTOMATIC, since=since, overlap=OVERLAP_SECONDS)
            for conversation, seconds, at in found:
                if not self.of(conversation).is_set():
                    self.of(conversation).set()
                    self.seconds.append(seconds)
                since = at
            await asyncio.sleep(POLL_SECONDS)


@dataclass
class Races:
    customers: list[Client]
    agents: list[Client]
    answers: Answers
    replies: int = 0
    """Those of agents that were acknowledged."""
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def run(self, number: int) -> None:
        """Ask; in half of the races an agent replies meanwhile, in a quarter to a second question."""
        async with self._slots:
            customer = self.customers[number % len(self.customers)]
            message = {"content": QUESTION, "clientMessageId": f"question-{number}"}
            started = await customer.retry("start_conversation", message)
            conversation = started["conversation"]["conversationId"]
            await customer.retry("leave_conversation", conversation)  # 200 can be joined
            if number % 2:
                await self._reply(conversation)
                return
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.answers.of(conversation).wait()
            if number % 4:
                await asyncio.gather(self._ask_again(customer, conversation, number), self._reply(conversation))
            elif number % 8:
                await customer.retry("judge_answer", {"conversationId": conversation, "verdict": "person"})

    async def _ask_again(self, customer: Client, conversation: str, number: int) -> None:
        """Ask another question, or for a person."""
        if number % 3:
            await customer.send(conversation, SECOND_QUESTION, f"second-{number}")
        else:
            await customer.retry("judge_answer", {"conversationId": conversation, "verdict": "person"})

    async def _reply(self, conversation: str) -> None:
        await asyncio.sleep(self.answers.moment())
        agent = random.choice(self.agents)
        await agent.send(conversation, REPLY, f"reply-{conversation}")
        agent.received.clear()
        self.replies += 1


@pytest.fixture(scope="module")
async def deployment() -> AsyncIterator[Deployment]:
    """Its runs are repeated until they end, and are leased for a short time: the processes of many are killed."""
    limits: dict[str, Any] = {"ai_soft_limit_seconds": 8.0, "ai_hard_limit_seconds": 10.0} if FULL else {}
    async with deploy(
        web_processes=size(1, 2), ai_quiet_seconds=0.0, ai_max_attempts=100, ai_deadline_seconds=3600.0, **limits
    ) as made:
        await made.start_workers(WORKERS)
        yield made


async def test_automatic_answer_never_follows_a_person_in_races(deployment: Deployment) -> None:
    faults = ", its processes killed" if FULL else ""
    with row("38", f"{RACES:,} questions that agents and the AI answer at once{faults}") as found:
        account = await deployment.account()
        await allow(account)
        customers = [client_of(deployment, account, name) for name in ("customer", "stranger")]
        agents = [client_of(deployment, account, name) for name in ("agent", "colleague")]
        await asyncio.gather(*(client.start() for client in (*customers, *agents)))
        began = running_seconds()
        async with racing(deployment, account) as (answers, kills):
            races = Races(customers, agents, answers)
            await asyncio.gather(*(races.run(number) for number in range(RACES)))
        open_runs = await settled(account)
        found.note(f"{running_seconds() - began:.0f} s, killed: {dict(kills)}")
        await asyncio.gather(*(client.stop() for client in (*customers, *agents)))

        logs = [log for _, log in await account.execute(ORDER_LOGS)]
        found.note(f"order logs: {dict(Counter(logs).most_common())}")
        [(meanwhile,)] = await account.execute(DURING_A_DRAFT)
        found.note(f"{meanwhile:,} replies of agents during a draft")
        found.acknowledged = races.replies
        found.measure("AI runs left", open_runs)
        found.measure("races without a conversation", RACES - len(logs))
        found.measure("acknowledged but lost", races.replies - sum(log.count("P") for log in logs))
        found.measure("automatic answers after a person's", matching("P.*A", logs))
        found.measure("handed over after a person has answered", matching("P.*H", logs))
        found.measure("automatic answers after a hand-over", matching("H.*A", logs))
        found.measure("automatic answers without a new question", matching("A[^C]*A", logs))
        found.measure("handed over twice", matching("H.*H", logs))
        found.measure("neither answered nor handed over", len(logs) - matching("P|H|A$", logs))
        if FULL:
            assert matching("^CP", logs), "the AI won all races"
            assert meanwhile, "no agent has replied during a draft"


def matching(pattern: str, logs: Iterable[str]) -> int:
    return sum(re.search(pattern, log) is not None for log in logs)


async def allow(account: Account) -> None:
    """Add an article, and allow automatic answers from it."""
    await account.execute(
        "INSERT INTO knowledge_articles (account_id, id, title, body, questions) "
        "VALUES (%(account)s, %(id)s, 'Returns', %(body)s, %(questions)s)",
        id=new_id(),
        body=ARTICLE,
        questions=[QUESTION, SECOND_QUESTION],
    )
    threshold = {"minConfidence": 0.9, "simulationId": str(new_id()), "provider": "embedded"}
    await account.execute(
        "INSERT INTO automatic_answers (account_id, is_enabled, categories) VALUES (%(account)s, true, %(categories)s)",
        categories=json.dumps({"billing": threshold}),
    )


@asynccontextmanager
async def racing(deployment: Deployment, account: Account) -> AsyncIterator[tuple[Answers, Counter[str]]]:
    """Observe the automatic answers, and kill processes at full size."""
    answers, kills, is_over = Answers(account), Counter[str](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(answers.watch(is_over))
        if FULL:
            group.create_task(kill_processes(deployment, kills, is_over))
        try:
            yield answers, kills
        finally:
            is_over.set()


async def kill_processes(deployment: Deployment, kills: Counter[str], is_over: asyncio.Event) -> None:
    """Kill and restart processes at random."""
    while not is_over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), random.uniform(*PAUSE_SECONDS))
        victim = random.choice(VICTIMS)
        kills[victim] += 1
        match victim:
            case "process of a worker":
                with suppress(psutil.Error, IndexError):  # it is being restarted
                    random.choice(processes_of_workers(deployment)).kill()
            case "connections of workers":
                await deployment.rows(TERMINATE_WORKERS)
            case "workers":
                await deployment.kill(WORKER)
                await deployment.start_workers(WORKERS)
            case _:
                await deployment.kill(victim)
                await deployment.restart_missing()


def processes_of_workers(deployment: Deployment) -> list[psutil.Process]:
    main = psutil.Process(deployment.processes[WORKER].pid)
    return [process for worker in main.children() for process in worker.children()]


async def settled(account: Account) -> int:
    """Wait until all AI runs have ended; return how many have not."""
    until, left = running_seconds() + SETTLE_SECONDS, -1
    while left and running_seconds() < until:
        await asyncio.sleep(POLL_SECONDS)
        [(left,)] = await account.execute(OPEN_RUNS)
    return left
