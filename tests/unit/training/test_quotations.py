"""The judged quotations among the examples: they name sentences of articles."""

import numpy as np

from hummdesk.ai.embedded.article_text import sentences
from training.corpus import load_help_centres
from training.quotation import cases, fit, load_all_help_centres, load_judged


def test_judged_sentences_stand_in_their_article() -> None:
    bodies = {article.id: article.body for centre in load_all_help_centres() for article in centre.articles}
    for (article, question), judged in load_judged().items():
        texts = {one.text for one in sentences(bodies[article])}
        assert judged.needed, question
        assert judged.needed | judged.fitting <= texts, question
        assert not judged.needed & judged.fitting, question


def test_fit_prefers_the_sentences_that_state_the_facts() -> None:
    centre = next(one for one in load_help_centres() if one.name == "self_storage")
    known = list(cases(centre, load_judged()))
    weights = fit(known)
    first = [one.targets[np.argmax(one.evidence @ weights)] > 0 for one in known]
    assert np.mean(first) > 0.6
