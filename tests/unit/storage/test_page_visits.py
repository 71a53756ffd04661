"""The addresses of pages that widgets report."""

import pytest

from hummdesk.core.errors import Invalid
from hummdesk.storage.page_visits import MAX_URL, page_of


@pytest.mark.parametrize(
    ("address", "origin", "url"),
    [
        ("https://shop.example", "https://shop.example", "https://shop.example/"),
        ("https://shop.example/boots?token=s#top", "https://shop.example", "https://shop.example/boots"),
        ("https://shop.example/a;jsessionid=1/b;v=2;w?q", "https://shop.example", "https://shop.example/a/b"),
        ("https://shop.example/;jsessionid=1", "https://shop.example", "https://shop.example/"),
        ("https://shop.example?token=s", "https://shop.example", "https://shop.example/"),
        ("HTTPS://Shop.Example:443/Boots", "https://shop.example", "https://shop.example/Boots"),
        ("http://localhost:8080/a%20b", "http://localhost:8080", "http://localhost:8080/a%20b"),
        ("http://[::1]:8080/", "http://[::1]:8080", "http://[::1]:8080/"),
        ("https://zoe:s@shop.example/", "https://shop.example", "https://shop.example/"),
        ("https://shop.example@evil.example/", "https://evil.example", "https://evil.example/"),
        ("https://shop.example\\@evil.example/", "https://evil.example", "https://evil.example/"),
    ],
)
def test_page_has_neither_parameters_nor_fragment_nor_credentials(address: str, origin: str, url: str) -> None:
    assert page_of(address) == (origin, url)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)//https://shop.example/",
        "data:text/html,x",
        "ftp://shop.example/",
        "https://",
        "https:///boots",
        "https://shop.example:port/",
        "https://[shop.example/",
        "https://shop.example/" + "x" * MAX_URL,
    ],
)
def test_address_that_is_no_page_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        page_of(address)
