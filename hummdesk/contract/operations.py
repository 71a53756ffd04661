"""The schemas of the answer to `get_operations`."""

from typing import get_args

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Boolean, Id, Integer, ListOf, Number, OneOf, Time
from hummdesk.contract.payloads import Count
from hummdesk.core.models import RunKind
from hummdesk.publish.fields import MAX_INTEGER


class RunFigures(Schema):
    """The AI runs of one kind in the last hour.

    `medianTime` and `slowTime` (the 95th percentile) are in milliseconds, and absent while no run is done.
    """

    processingType = OneOf(*get_args(RunKind), required=True)
    done = Count()
    failed = Count()
    waiting = Count()
    medianTime = Integer(least=0, most=MAX_INTEGER)
    slowTime = Integer(least=0, most=MAX_INTEGER)


class FailedRun(Schema):
    """An AI run that failed permanently, with the `error` of its `ai_error`."""

    runId = Id(required=True)
    processingType = OneOf(*get_args(RunKind), required=True)
    error = AnyText(required=True)
    timestamp = Time(required=True)


class AIBudget(Schema):
    """Use of external models today (UTC), with requests in progress. An absent limit means unlimited.

    `refused` counts the requests that were not sent because a limit was reached.
    """

    tokens = Count()
    dollars = Number(most=MAX_INTEGER, required=True)
    refused = Count()
    dailyTokens = Integer(least=1, most=MAX_INTEGER)
    dailyDollars = Number(most=MAX_INTEGER)


class Connections(Schema):
    """The sockets of the own account by role."""

    admin = Count()
    agent = Count()
    viewer = Count()
    customer = Count()


class Health(Schema):
    """The health of the whole system. `busLag` is in milliseconds, `queuedTasks` counts waiting Celery tasks."""

    postgresql = Boolean(required=True)
    redis = Boolean(required=True)
    bus = Boolean(required=True)
    busLag = Count()
    queuedTasks = Count()


class RoutingFigures(Schema):
    """Automatic assignment in the own account; waits are in milliseconds. `stranded` and `aboveCapacity` are 0 while it
    works: conversations that wait for more than 5 seconds beside a free agent, and agents who were given too many.
    """

    waiting = Count()
    stranded = Count()
    aboveCapacity = Count()
    oldestAccountWait = Count()
    oldestTeamWait = Count()


class Operations(Schema):
    """The figures of the admin's own account, and figures of the system that reveal nothing about other accounts.

    `routing` is absent while no queue of the account is routed.
    """

    connections = fields.Nested(Connections, required=True)
    messagesPerSecond = Number(most=MAX_INTEGER, required=True)
    ai = ListOf(fields.Nested(RunFigures), required=True)
    aiBudget = fields.Nested(AIBudget, required=True)
    failedRuns = ListOf(fields.Nested(FailedRun), required=True)
    routing = fields.Nested(RoutingFigures)
    health = fields.Nested(Health, required=True)
    timestamp = Time(required=True)
