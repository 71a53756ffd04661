"""Languages that are detected by their script."""

import pytest

from hummdesk.ai.embedded.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("My order of ポケモンカード did not arrive yet", "en"),
        ("Meine Bestellung von ポケモンカード ist nicht angekommen", "de"),
        ("営業時間は？", "ja"),
        ("iPhone のケースを返品したい", "ja"),
        ("Galaxy S25 케이스를 반품하고 싶어요", "ko"),
        ("我的 iPhone 订单在哪里？", "zh"),
    ],
)
def test_product_name_of_another_script_does_not_decide_the_language(text: str, language: str) -> None:
    assert detect(text) == language
