"""A half-configured RabbitMQ is reported in one line with the remedy, and refused where no process can work."""

from typing import Any

import pytest
from kombu import Connection

from hummdesk.bus.checks import check, check_at_start
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from tests.conftest import Servers
from tests.system.rabbitmq import servers as rabbitmqs
from tests.system.rabbitmq.servers import VHOST, Rabbitmq

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("RabbitMQ"),
    pytest.mark.skipif(not rabbitmqs.IS_INSTALLED, reason="rabbitmq-server is not installed"),
    pytest.mark.usefixtures("patience"),
    pytest.mark.timeout(120),
]


async def findings(servers: Servers, url: str) -> list[tuple[str, bool]]:
    """What is wrong with a broker, and whether no process can work with it."""
    found = await check(Settings(redis_url=servers.redis_url, broker_url=url))
    texts = [(str(finding), finding.is_fatal) for finding in found if finding.subject == "BROKER_URL"]
    assert all("\n" not in text for text, _ in texts)
    return texts


async def test_rabbitmq_that_can_be_used_has_no_findings(rabbitmq: Rabbitmq, servers: Servers) -> None:
    assert await findings(servers, rabbitmq.url) == []
    trusted = f"{rabbitmq.tls_url}?ssl_ca_certs={rabbitmq.certificates.authority}"
    assert await findings(servers, trusted) == []


async def test_user_that_rabbitmq_does_not_admit_is_refused_with_the_remedy(
    rabbitmq: Rabbitmq, servers: Servers
) -> None:
    place = rabbitmq.place
    assert await findings(servers, rabbitmq.url_of(password="wrong")) == [
        (
            f"BROKER_URL: {place} refuses the credentials; correct user and password; `guest` may only connect from "
            "the server's own machine",
            True,
        )
    ]
    [(text, is_fatal)] = await findings(servers, rabbitmq.url_of(vhost="absent"))
    assert is_fatal
    assert text.startswith(f"BROKER_URL: {place} refuses the virtual host 'absent' (")
    assert text.endswith("; create it (`rabbitmqctl add_vhost absent`)")
    [(text, is_fatal)] = await findings(servers, rabbitmq.url_of("stranger"))
    assert is_fatal
    assert text.endswith(f"grant the user access (`rabbitmqctl set_permissions -p {VHOST} stranger '.*' '.*' '.*'`)")
    [(text, is_fatal)] = await findings(servers, rabbitmq.url_of("reader"))
    assert is_fatal
    assert text.startswith("BROKER_URL: the user may not declare queues (")


async def test_queue_of_another_kind_is_refused_with_the_remedy(rabbitmq: Rabbitmq, servers: Servers) -> None:
    url = rabbitmq.url_of(vhost="other")
    with Connection(url) as connection:
        channel: Any = connection.default_channel
        channel.queue_declare(queue="ai.classification", durable=False, auto_delete=False)
    [(text, is_fatal)] = await findings(servers, url)
    assert is_fatal
    assert text.startswith(f"BROKER_URL: {rabbitmq.place} has a queue of another kind (")


async def test_rabbitmq_that_does_not_answer_is_reported_and_waited_for(rabbitmq: Rabbitmq, servers: Servers) -> None:
    [(text, is_fatal)] = await findings(servers, rabbitmq.url_of(place=f"{rabbitmq.place},127.0.0.1:1"))
    assert not is_fatal
    assert text.startswith("BROKER_URL: 127.0.0.1:1 does not answer (")
    assert text.endswith("; start it, or correct the address")
    with_tls = f"127.0.0.1:{rabbitmq.tls_port}"
    [(text, is_fatal)] = await findings(servers, rabbitmq.url_of(place=with_tls))
    assert not is_fatal
    assert text.startswith(f"BROKER_URL: {with_tls} does not answer as RabbitMQ (")
    plain = rabbitmq.tls_url.replace(f":{rabbitmq.tls_port}/", f":{rabbitmq.port}/")
    [(text, is_fatal)] = await findings(servers, plain)
    assert not is_fatal
    assert text.startswith(
        f"BROKER_URL: {rabbitmq.place} answers without TLS or refuses it; name its port for amqps://"
    )


async def test_certificate_of_rabbitmq_that_is_not_trusted_is_refused_with_the_remedy(
    rabbitmq: Rabbitmq, servers: Servers
) -> None:
    url, trusted = rabbitmq.tls_url, f"{rabbitmq.tls_url}?ssl_ca_certs={rabbitmq.certificates.authority}"
    [(text, is_fatal)] = await findings(servers, url)
    assert is_fatal
    assert text.endswith("; name the file of its authority with ssl_ca_certs=FILE in the URL")
    [(text, is_fatal)] = await findings(servers, trusted.replace("127.0.0.1", "localhost"))
    assert is_fatal
    assert text.endswith("; use a name or an address that is in its certificate")
    [(text, is_fatal)] = await findings(servers, f"{url}?ssl_ca_certs=/absent.pem")
    assert is_fatal
    assert text.endswith("; correct its path")
    [(text, is_fatal)] = await findings(servers, f"{url}?ssl_cert_reqs=none")
    assert not is_fatal
    assert "the certificate is not verified" in text


async def test_relay_and_worker_with_a_refused_user_do_not_start_and_a_web_process_does(
    rabbitmq: Rabbitmq, servers: Servers
) -> None:
    settings = Settings(redis_url=servers.redis_url, broker_url=rabbitmq.url_of(password="wrong"))
    for kind in ("relay", "worker"):
        with pytest.raises(CommandError, match="refuses the credentials"):
            await check_at_start(settings, kind)
    await check_at_start(settings, "web")
