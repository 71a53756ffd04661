"""Checks of RabbitMQ as Celery's broker, each finding with its remedy."""

import ssl
from collections.abc import Iterator
from typing import Any

from hummdesk.core.broker import QUEUES, connection
from hummdesk.core.broker_address import AmqpAddress
from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding

SUBJECT = "BROKER_URL"
CHECK_SECONDS = 2.0
ACCESS_REFUSED, PRECONDITION_FAILED, NOT_ALLOWED = 403, 406, 530
"""Codes of AMQP 0-9-1."""


def check(settings: Settings, address: AmqpAddress) -> list[Finding]:
    """Connect to each host as Celery does, and declare a queue. Blocks."""
    try:
        import kombu  # noqa: F401
    except ModuleNotFoundError:
        remedy = "run this where a relay or a worker runs"
        return [Finding(SUBJECT, "RabbitMQ is not checked here, without the package kombu", remedy)]
    given = connection(settings)
    names = [f"{host}:{port}" for host, port in address.hosts]
    urls = given["broker_url"].split(";")
    found = [one for name, url in zip(names, urls, strict=True) for one in _check_host(name, url, given, address)]
    return [*found, *_tls_findings(address)]


def _check_host(name: str, url: str, given: dict[str, Any], address: AmqpAddress) -> Iterator[Finding]:
    from kombu import Connection

    opened = Connection(
        url,
        ssl=given.get("broker_use_ssl", False),
        transport_options=given["broker_transport_options"],
        connect_timeout=CHECK_SECONDS,
    )
    errors: Any = (*opened.connection_errors, *opened.channel_errors)
    try:
        opened.ensure_connection(max_retries=0, reraise_as_library_errors=False)
    except errors as error:
        opened.collect()
        yield _failure(name, address, error)
        return
    try:
        channel: Any = opened.default_channel
        channel.queue_declare(queue=QUEUES["classification"], durable=True, auto_delete=False)
    except errors as error:
        yield _failure_of_queue(name, address, error)
    finally:
        opened.release()


def _failure(name: str, address: AmqpAddress, error: Exception) -> Finding:
    """The finding for a server that cannot be used. Fatal if waiting does not help."""
    code, text = getattr(error, "reply_code", None), _text(error)
    if code == ACCESS_REFUSED:
        remedy = "correct user and password; `guest` may only connect from the server's own machine"
        return Finding(SUBJECT, f"{name} refuses the credentials", remedy, is_fatal=True)
    if code == NOT_ALLOWED:
        create = f"rabbitmqctl add_vhost {address.vhost}"
        grant = _grant(address)
        remedy = f"create it (`{create}`)" if "not found" in text else f"grant the user access (`{grant}`)"
        return Finding(SUBJECT, f"{name} refuses the virtual host {address.vhost!r} ({text})", remedy, is_fatal=True)
    if isinstance(error, FileNotFoundError):
        problem = f"a file that the URL names cannot be read ({text})"
        return Finding(SUBJECT, problem, "correct its path", is_fatal=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        is_name = "hostname" in error.verify_message.lower() or "IP address" in error.verify_message
        remedy = (
            "use a name or an address that is in its certificate"
            if is_name
            else "name the file of its authority with ssl_ca_certs=FILE in the URL"
        )
        problem = f"the certificate of {name} is not valid ({error.verify_message})"
        return Finding(SUBJECT, problem, remedy, is_fatal=True)
    if isinstance(error, ssl.SSLError):
        remedy = "name its port for amqps://, and see its log"
        return Finding(SUBJECT, f"{name} answers without TLS or refuses it", remedy, is_error=True)
    if isinstance(error, ConnectionRefusedError | TimeoutError) or address.has_tls:
        return Finding(SUBJECT, f"{name} does not answer ({text})", "start it, or correct the address", is_error=True)
    remedy = "start it, or name its port for amqp://, 5672 by default; write amqps:// for one with TLS"
    return Finding(SUBJECT, f"{name} does not answer as RabbitMQ ({text})", remedy, is_error=True)


def _failure_of_queue(name: str, address: AmqpAddress, error: Exception) -> Finding:
    code, text = getattr(error, "reply_code", None), _text(error)
    if code == ACCESS_REFUSED:
        return Finding(SUBJECT, f"the user may not declare queues ({text})", f"`{_grant(address)}`", is_fatal=True)
    if code == PRECONDITION_FAILED:
        remedy = "delete that queue while no task waits: the workers declare it again"
        return Finding(SUBJECT, f"{name} has a queue of another kind ({text})", remedy, is_fatal=True)
    return Finding(SUBJECT, f"{name} declares no queue ({text})", "see its log", is_error=True)


def _grant(address: AmqpAddress) -> str:
    return f"rabbitmqctl set_permissions -p {address.vhost} {address.username} '.*' '.*' '.*'"


def _text(error: Exception) -> str:
    return " ".join(str(getattr(error, "reply_text", None) or error).split())


def _tls_findings(address: AmqpAddress) -> Iterator[Finding]:
    if address.has_tls and not address.is_verified:
        problem = "the certificate is not verified (ssl_cert_reqs=none)"
        yield Finding(SUBJECT, problem, "remove that option, and name the authority with ssl_ca_certs=FILE")
