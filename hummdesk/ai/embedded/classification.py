"""Classification of a message in its conversation, by the categories and tags of its account."""

from collections.abc import Sequence

import numpy as np

from hummdesk.ai import routing
from hummdesk.ai.embedded import analysis, language, own_categories, own_tags
from hummdesk.ai.embedded.analysis import SUSPICIOUS, MessageFeatures
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.letters import CATEGORIES
from hummdesk.ai.embedded.neighbours import corrected_category, corrected_priority
from hummdesk.ai.protocol import UNKNOWN_LANGUAGE, Classification, Context, Turn
from hummdesk.ai.text import plain
from hummdesk.core.categories import GENERAL

OUT_OF_SCOPE = 0.2
"""Probability of being in scope for a help desk below which a built-in category is a mere guess."""
OUT_OF_SCOPE_OF_OWN = 0.1
UNSURE = 0.5
"""Own categories may be about anything: the scope counts only for a text that is not clearly of one of them."""
LANGUAGE_LETTERS = 40
"""Letters of a message whose language does not depend on the messages before it."""


def classify(message: MessageFeatures, context: Context) -> Classification:
    keys, probabilities = _probabilities(message, context)
    corrections = context.corrections if message.stems else ()
    category, confidence = corrected_category(keys, probabilities, corrections)
    urgency = analysis.urgency(message)
    priority = analysis.priority(urgency)
    priority_confidence = analysis.priority_confidence(message, priority)
    if (corrected := corrected_priority(corrections)) is not None:
        priority, priority_confidence = corrected
    spoken = conversation_language(message, context.history)
    similar = own_categories.team_like(message.embedded, context.teams) if message.stems else None
    team = similar or routing.team_for(category, context)
    return Classification(
        category=category,
        priority=priority,
        urgency=analysis.clamp_urgency(urgency, priority),
        sentiment=analysis.sentiment(message),
        language=spoken,
        tags=own_tags.fitting(message, context.tags) if context.tags else analysis.tags(message),
        confidence=round(confidence, 3),
        priority_confidence=round(priority_confidence, 3),
        suggested_team=team.id if team else None,
        suggested_agent=routing.agent_for(team, category=category, language=spoken, context=context),
    )


def conversation_language(message: MessageFeatures, history: Sequence[Turn]) -> str:
    """Return the language of a message; a short one is read together with the customer's messages before it."""
    earlier = [turn.content for turn in history if turn.sender == "customer"]
    if not earlier or sum(map(str.isalpha, message.text)) >= LANGUAGE_LETTERS:
        return message.language
    found = language.detect(" ".join([*map(plain, earlier), message.text]))
    return message.language if found == UNKNOWN_LANGUAGE else found


def _probabilities(message: MessageFeatures, context: Context) -> tuple[tuple[str, ...], Vectors]:
    """Return the keys that the message may have, and their probabilities: in sum less than 1 if it is like none."""
    if not message.stems:
        keys = (GENERAL, *(one.key for one in context.categories)) if context.categories else (GENERAL, *_OTHERS)
        return keys, np.full(len(keys), 1 / len(keys))
    if context.categories:
        probabilities = own_categories.fit(context.categories).probabilities(message.embedded)[0]
        if message.out_of_scope[0] >= SUSPICIOUS and probabilities.max() < UNSURE:
            probabilities = probabilities * _scope(message, OUT_OF_SCOPE_OF_OWN)
        return (*(one.key for one in context.categories), GENERAL), np.append(probabilities, 0.0)
    is_general = CATEGORIES[int(message.categories[0].argmax())] == GENERAL
    if is_general or message.out_of_scope[0] >= SUSPICIOUS:
        return CATEGORIES, message.categories[0] * _scope(message, OUT_OF_SCOPE)
    return CATEGORIES, message.categories[0]


def _scope(message: MessageFeatures, threshold: float) -> float:
    """Return the probability of being in scope if it is below the threshold, else 1."""
    scope = float(message.scope[0])
    return scope if scope < threshold else 1.0


_OTHERS = tuple(one for one in CATEGORIES if one != GENERAL)
