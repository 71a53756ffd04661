"""Fit the weights of `hummdesk/ai/embedded/quotation.py`: `python -m training.quotation` prints a fit.

The sentences that answer a question of training/examples/help_centres and help_centres_extra are those that state its
facts. Each question is asked of its article, and of the article together with two others of the same company, as
sections of a longer one. The title of an article is asked, too, as customers do who search: what answers it are the
sentences that answer the questions to the article.

Printed are also, of each company by a fit to the others: the share of the facts that are quoted, the share of questions
of which every fact is, and of the questions in training/examples/quotations.jsonl, whose sentences were judged by hand,
the share of the quoted sentences that do not belong to the answer. `needed` are the sentences of a short answer,
`fitting` others that an agent would leave in it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hummdesk.ai.embedded import quotation
from hummdesk.ai.embedded.article_text import Sentence, count_words
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.retrieval import queries_of
from hummdesk.ai.embedded.source_ranking import Source, sources_of
from hummdesk.ai.protocol import Article, Knowledge
from hummdesk.ai.text import plain
from training.corpus import EXAMPLES, CustomerQuestion, HelpCentre, load_help_centres

TITLE = "title"
"""Kind of the questions that are titles."""
SECTIONS = 3
"""Articles that are joined to a longer one."""
PENALTY = 5.0
"""Of the squared weights, beside the sum of all losses; the evidence is scaled to variance 1 before."""
STEPS = 30


class Judged(NamedTuple):
    needed: frozenset[str]
    fitting: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question to an article that answers it: its sentences, and the numbers of those that state each fact."""

    company: str
    kind: str
    sentences: tuple[Sentence, ...]
    evidence: Vectors
    facts: tuple[frozenset[int], ...]
    judged: Judged | None

    @property
    def targets(self) -> Vectors:
        stated = frozenset[int]().union(*self.facts)
        target: Vectors = np.array([number in stated for number in range(len(self.sentences))], dtype=float)
        target /= target.sum()
        return target


def cases(centre: HelpCentre, judged: dict[tuple[str, str], Judged]) -> Iterator[Case]:
    longer = {
        article.id: _joined(centre.articles[start : start + SECTIONS])
        for start in range(0, len(centre.articles), SECTIONS)
        for article in centre.articles[start : start + SECTIONS]
    }
    for article in centre.articles:
        questions = [one for one in centre.questions if article.id in one.sources]
        asked = [(one, whole) for one in questions for whole in (article, longer[article.id])]
        for question, whole in [*asked, (_title(article, questions), article)]:
            found = _case(centre.name, question, whole)
            if found is not None:
                yield replace(found, judged=judged.get((article.id, question.text)))


def _title(article: Article, questions: Sequence[CustomerQuestion]) -> CustomerQuestion:
    facts = tuple(fact for one in questions for fact in one.facts)
    return CustomerQuestion(kind=TITLE, text=article.title, history=(), sources=frozenset({article.id}), facts=facts)


def _joined(articles: Sequence[Article]) -> Article:
    bodies = (f"## {one.title}\n\n{one.body.replace('## ', '')}" for one in articles)
    return Article(id="", title=", ".join(one.title for one in articles), body="\n\n".join(bodies))


def _case(company: str, question: CustomerQuestion, article: Article) -> Case | None:
    """Return None if the article is quoted as a whole, or states none of the facts."""
    (source,) = sources_of(Knowledge(articles=(article,)))
    facts = tuple(filter(None, (_stating(source, spellings) for spellings in question.facts)))
    if not source.sentences or not facts:
        return None
    queries = queries_of(plain(question.text), question.history)
    asked = [query.text for query in queries if not query.penalty]
    found = quotation.evidence(source.sentences, source.passages, asked)
    return Case(
        company=company,
        kind=question.kind,
        sentences=source.sentences,
        evidence=found,
        facts=facts,
        judged=None,
    )


def _stating(source: Source, spellings: Sequence[str]) -> frozenset[int]:
    return frozenset(
        number
        for number, sentence in enumerate(source.sentences)
        if any(spelling.casefold() in sentence.text.casefold() for spelling in spellings)
    )


def load_all_help_centres() -> list[HelpCentre]:
    return [*load_help_centres(), *load_help_centres("help_centres_extra")]


def load_judged() -> dict[tuple[str, str], Judged]:
    """Return the judged sentences by article and question."""
    rows = map(json.loads, (EXAMPLES / "quotations.jsonl").read_text(encoding="utf-8").splitlines())
    return {
        (row["article"], row["question"]): Judged(frozenset(row["needed"]), frozenset(row["fitting"])) for row in rows
    }


def load_cases() -> list[Case]:
    judged = load_judged()
    return [case for centre in load_all_help_centres() for case in cases(centre, judged)]


def fit(known: Sequence[Case]) -> Vectors:
    """Return the weights with the least cross entropy of the sentences that state facts, by Newton's method."""
    evidence = np.vstack([one.evidence for one in known])
    scale = evidence.std(axis=0) + 1e-9
    evidence, targets = evidence / scale, np.concatenate([one.targets for one in known])
    starts = np.cumsum([0, *(len(one.sentences) for one in known[:-1])])
    owners = np.repeat(np.arange(len(known)), [len(one.sentences) for one in known])
    weights: Vectors = np.zeros(evidence.shape[1])
    for _ in range(STEPS):
        scores = evidence @ weights
        shares = np.exp(scores - np.maximum.reduceat(scores, starts)[owners])
        shares /= np.add.reduceat(shares, starts)[owners]
        means = np.add.reduceat(shares[:, None] * evidence, starts)
        gradient = evidence.T @ (shares - targets) + PENALTY * weights
        hessian = (evidence * shares[:, None]).T @ evidence - means.T @ means + PENALTY * np.eye(len(weights))
        weights = weights - np.linalg.solve(hessian, gradient)
    fitted: Vectors = weights / scale
    return fitted


def report(known: Sequence[Case], weights: dict[str, Vectors]) -> str:
    """Return what is quoted with the weights of each company."""
    quoted = [quotation.select(one.sentences, one.evidence, weights[one.company]) for one in known]
    pairs = list(zip(known, map(frozenset, quoted), strict=True))
    facts = [bool(fact & chosen) for one, chosen in pairs for fact in one.facts]
    whole = [all(fact & chosen for fact in one.facts) for one, chosen in pairs]
    words = [sum(count_words(one.sentences[number].text) for number in chosen) for one, chosen in pairs]
    judged = [
        (one.judged, {one.sentences[number].text for number in chosen})
        for one, chosen in pairs
        if one.judged is not None
    ]
    belongs = [text in one.needed | one.fitting for one, texts in judged for text in texts]
    needed = [text in texts for one, texts in judged for text in one.needed]
    quoted_facts = f"facts {np.mean(facts):.3f}, every fact {np.mean(whole):.3f}, words {np.mean(words):.1f}"
    if not judged:
        return f"{len(known)} questions: {quoted_facts}"
    return (
        f"{len(known)} questions: {quoted_facts}; "
        f"judged: do not belong {1 - np.mean(belongs):.3f}, needed {np.mean(needed):.3f}"
    )


def main() -> None:
    known = load_cases()
    companies = sorted({one.company for one in known})
    held_out = {company: fit([one for one in known if one.company != company]) for company in companies}
    kinds = {one.kind for one in known}
    for name, chosen in (
        ("all but titles", kinds - {TITLE}),
        ("without paraphrases", kinds - {TITLE, "paraphrase"}),
        ("titles", {TITLE}),
    ):
        print(f"{name}, {report([one for one in known if one.kind in chosen], held_out)}")
    for name, weight in zip(quotation.EVIDENCE, fit(known).tolist(), strict=True):
        print(f"{name:<10} {weight:7.2f}")


if __name__ == "__main__":
    main()
