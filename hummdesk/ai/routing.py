"""Suggestions of a team and an agent for a message."""

from uuid import UUID

from hummdesk.ai.lexicon import LEXICON, STOPWORDS, phrases
from hummdesk.ai.protocol import Context, Team
from hummdesk.ai.text import stems

CATEGORY_SKILL, LANGUAGE_SKILL = 2, 1
"""Points of a skill: knowing the category counts more than speaking the language."""

_TEAM_NAMES = {category: phrases({"match": names}) for category, names in LEXICON["team_names"].items()}


def team_for(category: str, context: Context) -> Team | None:
    """Return the first team whose name matches the category, for one of the account's own the one with most words."""
    if own := next((one for one in context.categories if one.key == category), None):
        words = {word for word in stems(own.name) if word not in STOPWORDS}
        shared = {team.id: len(words.intersection(stems(team.name))) for team in context.teams}
        best = max(context.teams, key=lambda team: shared[team.id], default=None)
        return best if best is not None and shared[best.id] else None
    return next((team for team in context.teams if _TEAM_NAMES[category].score(stems(team.name))), None)


def agent_for(team: Team | None, *, category: str, language: str, context: Context) -> UUID | None:
    """Return the most skilled online agent of the team; without a team, of all agents with the category as a skill.

    Of several equally skilled agents, the first in the order of the team or account.
    """
    points = {agent: _points(skills, category, language) for agent, skills in context.skills.items()}
    candidates = team.agent_ids if team else tuple(agent for agent in points if category in context.skills[agent])
    online = [agent for agent in candidates if agent in context.online]
    return max(online, key=lambda agent: points.get(agent, 0), default=None)


def _points(skills: frozenset[str], category: str, language: str) -> int:
    return CATEGORY_SKILL * (category in skills) + LANGUAGE_SKILL * (language in skills)
