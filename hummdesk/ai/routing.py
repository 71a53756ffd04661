"""Whom to suggest for a message: the team whose name says that it cares, and who of it is there and most skilled."""

from uuid import UUID

from hummdesk.ai.lexicon import LEXICON, plain_list
from hummdesk.ai.protocol import Category, Context, Team
from hummdesk.ai.text import stems

KNOWS, SPEAKS = 2, 1
"""What a skill is worth: the category before the language."""

_TEAM_NAMES = {category: plain_list({"it": names}) for category, names in LEXICON["team_names"].items()}


def team_for(category: Category, context: Context) -> Team | None:
    """The first one whose name says that it cares for such messages."""
    return next((team for team in context.teams if _TEAM_NAMES[category].weigh(stems(team.name))), None)


def agent_for(team: Team | None, *, category: Category, language: str, context: Context) -> UUID | None:
    """Who is there and has most of the skills: of the team, or without one of all who know about the category.

    The first one of several, as the team or the account lists them.
    """
    worth = {agent: _worth(skills, category, language) for agent, skills in context.skills.items()}
    able = team.agent_ids if team else tuple(agent for agent in worth if category in context.skills[agent])
    there = [agent for agent in able if agent in context.online]
    return max(there, key=lambda agent: worth.get(agent, 0), default=None)


def _worth(skills: frozenset[str], category: Category, language: str) -> int:
    return KNOWS * (category in skills) + SPEAKS * (language in skills)
