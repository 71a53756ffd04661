"""The help centres among the examples: the weights of retrieval are fitted to their questions."""

import pytest

from training.corpus import load_help_centres

UNANSWERABLE = {"near", "far", "adversarial", "drift_near"}
WITH_HISTORY = {"follow_up", "drift", "drift_near"}


@pytest.mark.parametrize(("name", "count"), [("help_centres", 2), ("help_centres_extra", 10)])
def test_questions_name_articles_of_their_help_centre(name: str, count: int) -> None:
    centres = load_help_centres(name)
    assert len(centres) == count
    for centre in centres:
        ids = {article.id for article in centre.articles}
        assert len(ids) == len(centre.articles)
        for question in centre.questions:
            assert question.sources <= ids
            assert bool(question.sources) == (question.kind not in UNANSWERABLE), question
            assert bool(question.history) == (question.kind in WITH_HISTORY), question
