"""What the answer of `get_operations` carries."""

from marshmallow import Schema, fields

from hummdesk.contract.fields import Amount, Flag, Id, Items, OneOf, Time, Whole, Words
from hummdesk.contract.payloads import Count
from hummdesk.publish.fields import MAX_INTEGER


class RunFigures(Schema):
    """AI runs of one kind: of the newest of the last hour what became of them, and how long those took that are done.

    `medianTime` and `slowTime`, which one in twenty exceeds, are in milliseconds, and absent while none is done.
    """

    processingType = OneOf("classification", "draft", required=True)
    done = Count()
    failed = Count()
    waiting = Count()
    medianTime = Whole(least=0, most=MAX_INTEGER)
    slowTime = Whole(least=0, most=MAX_INTEGER)


class FailedRun(Schema):
    """An AI run that failed for good, in the words of `ai_error`."""

    runId = Id(required=True)
    processingType = OneOf("classification", "draft", required=True)
    error = Words(required=True)
    timestamp = Time(required=True)


class Connections(Schema):
    """The sockets of one's own account, by role."""

    admin = Count()
    agent = Count()
    viewer = Count()
    customer = Count()


class Health(Schema):
    """Of the whole desk: what it reaches, how late events are in milliseconds, how many tasks wait for a worker."""

    postgresql = Flag(required=True)
    redis = Flag(required=True)
    bus = Flag(required=True)
    busLag = Count()
    queuedTasks = Count()


class Operations(Schema):
    """What an admin may watch: one's own account, and of the desk nothing that tells of another one."""

    connections = fields.Nested(Connections, required=True)
    messagesPerSecond = Amount(most=MAX_INTEGER, required=True)
    ai = Items(fields.Nested(RunFigures), required=True)
    failedRuns = Items(fields.Nested(FailedRun), required=True)
    health = fields.Nested(Health, required=True)
    timestamp = Time(required=True)
