"""The embedded provider: classification by local models, drafts from the account's own knowledge or none."""

from collections.abc import Sequence

from hummdesk.ai import reply
from hummdesk.ai.embedded import answer, language, letters, summary
from hummdesk.ai.embedded.analysis import MessageFeatures, extract_features
from hummdesk.ai.embedded.answer import Part
from hummdesk.ai.embedded.classification import classify
from hummdesk.ai.embedded.cross_encoder import load_cross_encoder
from hummdesk.ai.embedded.source_ranking import RankedSource, rank_by_clause, rank_sources, select_sources
from hummdesk.ai.inference_batching import inference_batcher
from hummdesk.ai.message_text import message_text
from hummdesk.ai.protocol import (
    Citation,
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    ProviderRefused,
    Show,
    SourceKind,
    Turn,
    show_nothing,
)
from hummdesk.ai.text import one_line
from hummdesk.core.assist import Assist

MAX_CITATIONS = 3
REASONS: dict[SourceKind, str] = {
    "article": "Answered from",
    "canned_reply": "Answered from",
    "past_answer": "As an agent has answered",
}


class EmbeddedProvider:
    name = "embedded"

    def __init__(self) -> None:
        # Load the models now, so that processes forked afterwards share their memory.
        classify(extract_features(["Hello"])[0], Context())
        load_cross_encoder()
        self._features = inference_batcher(extract_features, max_read=letters.MAX_CHARACTERS)

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        return classify(await self._features.submit(one_line(message_text(message))), context)

    async def draft(
        self, message: IncomingMessage, context: Context, knowledge: Knowledge, *, show: Show = show_nothing
    ) -> Draft:
        features = await self._features.submit(one_line(message_text(message)))
        classification = classify(features, context)
        ranked = rank_sources(features, knowledge, context.history)
        customer_language = message.language or classification.language
        selected = select_sources(ranked, customer_language)
        tone = reply.tone(features.text, classification)
        parts = answer.parts(ranked, selected, rank_by_clause(features, knowledge))
        if not parts:
            confidence = ranked[0].probability if ranked else 0.0
            reason = _reason_to_abstain(features, ranked)
            nearest = tuple(one.source.citation.id for one in ranked if one.source.citation.kind == "article")
            return Draft(
                content=None,
                confidence=round(confidence, 3),
                reasoning=reason,
                tone=tone,
                nearest=tuple(filter(None, nearest))[:MAX_CITATIONS],
            )
        spoken = [language.detect(part.ranked.source.body) for part in parts]
        notice = reply.language_notice(customer_language, answers=spoken)
        text = reply.fill("\n\n".join(part.text for part in parts), customer_name=message.customer_name)
        return Draft(
            content=reply.compose(
                f"{notice}\n\n{text}" if notice else text,
                customer_name=message.customer_name,
                tone=tone,
                language=customer_language if notice or customer_language in spoken else spoken[0],
            ),
            confidence=round(min(part.ranked.probability for part in parts), 3),
            reasoning=_reason_to_answer(parts),
            citations=_citations(parts, selected),
            quotes=tuple(part.quote for part in parts if part.quote is not None),
            is_contradicted=any(part.contradicted for part in parts),
            tone=tone,
            suggested_actions=reply.actions(classification, parts[0].ranked.source.citation),
        )

    async def summarize(self, conversation: Sequence[Turn]) -> str:
        return summary.extract(conversation)

    async def assist(self, wanted: Assist) -> str:
        """Refuse: no local model translates, and one that left out sentences would leave out what they say."""
        raise ProviderRefused(f"{wanted.kind}: only external models do this", code="not_supported")


def _citations(parts: Sequence[Part], selected: Sequence[RankedSource]) -> tuple[Citation, ...]:
    """Return the sources of the answer, then those that contradict them, then others that may answer as well."""
    used = [part.ranked for part in parts]
    contradicted = [one for part in parts for one in part.contradicted]
    return tuple(dict.fromkeys(one.source.citation for one in [*used, *contradicted, *selected]))[:MAX_CITATIONS]


def _reason_to_answer(parts: Sequence[Part]) -> str:
    first = parts[0].ranked.source.citation
    reasons = [f"{REASONS[first.kind]} “{first.title}”"]
    for part in parts:
        if part.contradicted:
            older = "”, “".join(one.source.citation.title for one in part.contradicted)
            reasons.append(f"“{part.ranked.source.citation.title}” contradicts “{older}” and is newer")
    return "; ".join(reasons)


def _reason_to_abstain(message: MessageFeatures, ranked: Sequence[RankedSource]) -> str:
    if not message.stems:
        return "The message has no words to look up"
    if not ranked:
        return "The account has no articles, canned replies or past answers yet"
    return f"The nearest, “{ranked[0].source.citation.title}”, is too far from what the message asks"
