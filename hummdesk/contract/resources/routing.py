"""How waiting conversations are assigned."""

from typing import Any

from marshmallow import Schema, fields

from hummdesk.contract.fields import Id, Integer, ListOf, OneOf
from hummdesk.contract.requests import Update
from hummdesk.storage.routing import MAX_CAPACITY, MAX_SECONDS, MODES


def _capacity(**options: Any) -> Integer:
    return Integer(least=0, most=MAX_CAPACITY, **options)


def _seconds(**options: Any) -> Integer:
    return Integer(least=0, most=MAX_SECONDS, **options)


class RoutingUpdate(Update):
    """What is to be changed of the queue of the account, and of teams without own settings.

    `capacity` is the number of open conversations at which an agent gets no more; an urgent one counts twice. After
    `skillsWaitSeconds`, the best match of skills is taken. A conversation goes back to its queue when its agent is
    offline for `offlineSeconds`, or has not answered within `answerSeconds`; 0: never.
    """

    mode = OneOf(*MODES)
    capacity = _capacity()
    skillsWaitSeconds = _seconds(attribute="skills_wait_seconds")
    answerSeconds = _seconds(attribute="answer_seconds")
    offlineSeconds = _seconds(attribute="offline_seconds")


class TeamRoutingUpdate(Update):
    """What is to be changed of the queue of a team; null is that of the account."""

    mode = OneOf(*MODES, allow_none=True)
    capacity = _capacity(allow_none=True)


class TeamRouting(Schema):
    """The settings of a team; null is that of the account."""

    teamId = Id(required=True)
    mode = OneOf(*MODES, required=True, allow_none=True)
    capacity = _capacity(required=True, allow_none=True)


class Routing(Schema):
    """The settings of the account, and of each team that has own ones."""

    mode = OneOf(*MODES, required=True)
    capacity = _capacity(required=True)
    skillsWaitSeconds = _seconds(required=True)
    answerSeconds = _seconds(required=True)
    offlineSeconds = _seconds(required=True)
    teams = ListOf(fields.Nested(TeamRouting), required=True)
