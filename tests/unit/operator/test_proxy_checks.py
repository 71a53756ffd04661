"""What the checks of a proxy conclude from its answers."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding
from hummdesk.operator import proxy_checks
from hummdesk.operator.proxy_checks import Answer, Browser, Handshake

URL = "https://desk.example"
HEADERS = {"x-content-type-options": "nosniff", "strict-transport-security": "max-age=31536000"}


def lines(findings: Iterable[Finding]) -> list[str]:
    return [str(finding).removeprefix(f"{URL}: ") for finding in findings]


def of_headers(url: str = URL, *, asked_at: datetime | None = None, **changed: str) -> list[str]:
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changed.items()}
    return lines(proxy_checks._headers(Browser(url), Answer(200, headers, "", asked_at or datetime.now(UTC))))


def test_headers_as_the_documents_ask_have_no_finding() -> None:
    now = datetime.now(UTC)
    assert of_headers(date=format_datetime(now, usegmt=True), asked_at=now) == []
    assert of_headers(date="yesterday") == []


def test_headers_that_are_missing_are_found() -> None:
    [sniffing, transport] = of_headers(x_content_type_options="", strict_transport_security="")
    assert sniffing.startswith("the header X-Content-Type-Options of the web process does not arrive")
    assert transport.startswith("answers have no Strict-Transport-Security")


def test_clock_of_a_proxy_that_differs_is_found() -> None:
    [found] = of_headers(date=format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    assert found.startswith("The clocks: that of https://desk.example is ")


def test_address_without_tls_is_found_unless_it_is_of_this_machine() -> None:
    assert of_headers("http://desk.example") == [
        "http://desk.example: tokens are sent unencrypted; configure TLS, and use https://"
    ]
    assert of_headers("http://127.0.0.1:5000") == []


@pytest.mark.parametrize(("days", "count"), [(90, 0), (15, 0), (6, 1)])
def test_certificate_is_found_in_its_last_14_days(days: int, count: int) -> None:
    browser = Browser(URL)
    ends = datetime.now(UTC) + timedelta(days=days, minutes=30)
    browser.certificate = {"notAfter": ends.strftime("%b %d %H:%M:%S %Y GMT")}
    found = lines(proxy_checks._certificate(browser))
    assert found == [f"its certificate expires in {days} days; renew it, and check its renewal"] * count


def test_heartbeat_above_the_usual_idle_timeout_is_found() -> None:
    settings = Settings(ping_interval_seconds=60, ping_timeout_seconds=20)
    [found] = lines(proxy_checks._intervals(settings, Browser(URL), Handshake("sid", 60, 20)))
    assert found.startswith("a connection may be silent for 60 s, and proxies usually close it after 60 s; lower PING_")
