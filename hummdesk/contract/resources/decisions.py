"""The schemas of the answer to `get_decision`."""

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Id, Integer, ListOf, OneOf, Time
from hummdesk.contract.payloads import Count
from hummdesk.publish.fields import MAX_INTEGER

VERDICTS = ("chosen", "free", "absent", "other_team", "full", "unskilled", "just_returned")


class DecisionCandidate(Schema):
    """An agent who was present, when it was the turn of the conversation.

    `assigned` counts open conversations, urgent ones twice; at `capacity` an agent is `full`. `absent`: away or busy.
    `just_returned`: the conversation was taken from the agent. `free`: another one was preferred.
    """

    agentId = Id(required=True)
    name = AnyText()
    status = OneOf("online", "away", "busy", "offline", required=True)
    assigned = Count()
    capacity = Count()
    skills = ListOf(AnyText(), required=True)
    verdict = OneOf(*VERDICTS, required=True)


class Decision(Schema):
    """The last decision of routing about a conversation, and what it was made on.

    Rule `routing`: it was given to the agent. `offline`, `unanswered`: it was taken from the agent, without candidates.
    `waited` is in seconds.
    """

    conversationId = Id(required=True)
    decisionId = Id(required=True)
    rule = OneOf("routing", "offline", "unanswered", required=True)
    mode = OneOf("off", "round_robin", "least_loaded", required=True)
    agentId = Id(required=True)
    agentName = AnyText()
    teamId = Id()
    priority = OneOf("low", "medium", "high", "urgent")
    waited = Integer(least=0, most=MAX_INTEGER)
    needs = ListOf(AnyText(), required=True)
    candidates = ListOf(fields.Nested(DecisionCandidate), required=True)
    timestamp = Time(required=True)
