"""Checks of the Redis servers of an address: what would lose events or stop their delivery, each with its remedy."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from redis import exceptions

from hummdesk.bus import rabbitmq_checks
from hummdesk.bus.dialing import SharedContextConnection, ask_sentinel, dial, master_of
from hummdesk.bus.slots import SLOTS, SlotMap
from hummdesk.core.broker_address import parse_broker
from hummdesk.core.certificates import certificate_findings, end_of
from hummdesk.core.config import ProcessKind, Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.findings import Finding, clock_findings
from hummdesk.core.redis_address import Host, RedisAddress

log = logging.getLogger(__name__)

OLDEST = (6, 2)
CHECK_SECONDS = 2.0


async def check(settings: Settings, kind: ProcessKind | None = None) -> list[Finding]:
    """Check the Redis of REDIS_URL, and the broker of BROKER_URL, which web processes do not use."""
    found = await check_address("REDIS_URL", RedisAddress.parse(settings.redis))
    if not settings.broker_url or kind == "web":
        return found
    broker = parse_broker(settings.broker_url)
    if isinstance(broker, RedisAddress):
        return [*found, *await check_address("BROKER_URL", broker)]
    return [*found, *await asyncio.to_thread(rabbitmq_checks.check, settings, broker)]


async def check_at_start(settings: Settings, kind: ProcessKind | None = None) -> None:
    """Log what is wrong. Raises CommandError for a fault with which no process can work."""
    for finding in await check(settings, kind):
        if finding.is_fatal:
            raise CommandError(str(finding))
        log.warning(
            "redis.check_failed", extra={"problem": f"{finding.subject}: {finding.problem}", "remedy": finding.remedy}
        )


async def check_address(subject: str, address: RedisAddress) -> list[Finding]:
    """Return what is wrong with the servers of an address; `subject` is the setting that names it."""
    try:
        if address.topology == "sentinel":
            return await _check_sentinels(subject, address)
        if address.topology == "cluster":
            return await _check_cluster(subject, address)
        return await _check_standalone(subject, address)
    except (exceptions.RedisError, OSError) as error:
        return [_failure(subject, address, error)]


async def _check_standalone(subject: str, address: RedisAddress) -> list[Finding]:
    async with _opened(address, None) as connection:
        info = await _info(connection)
    if info.get("cluster_enabled") == "1":
        remedy = "write redis+cluster:// in place of redis://"
        return [Finding(subject, f"{address} is a node of a Redis Cluster", remedy, is_fatal=True)]
    if info.get("role") == "slave":
        master = f"{info.get('master_host')}:{info.get('master_port')}"
        return [Finding(subject, f"{address} is a replica", f"name its master, {master}", is_fatal=True)]
    return [*_server_findings(subject, str(address), info), *_tls_findings(subject, address)]


async def _check_sentinels(subject: str, address: RedisAddress) -> list[Finding]:
    findings = []
    for sentinel in address.hosts:
        name = f"{sentinel[0]}:{sentinel[1]}"
        try:
            named = await ask_sentinel(address, sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.service)
        except exceptions.ResponseError:
            remedy = "name the Sentinels, whose port is 26379 by default"
            findings.append(Finding(subject, f"{name} is no Sentinel", remedy, is_fatal=True))
        except (exceptions.RedisError, OSError) as error:
            findings.append(_failure(subject, address, error, name))
        else:
            if named is None:
                remedy = "correct the name after the hosts, or configure the Sentinel to monitor it"
                problem = f"{name} knows no master {address.service!r}"
                findings.append(Finding(subject, problem, remedy, is_fatal=True))
    if any(finding.is_fatal for finding in findings) or len(findings) == len(address.hosts):
        return findings
    host = await master_of(address)
    async with _opened(address, host) as connection:
        info = await _info(connection)
    findings += _server_findings(subject, f"{host[0]}:{host[1]}", info)
    return [*findings, *_replica_findings(subject, host, info), *_tls_findings(subject, address)]


async def _check_cluster(subject: str, address: RedisAddress) -> list[Finding]:
    problems: list[Finding] = []
    for host in address.hosts:
        try:
            async with _opened(address, host) as connection:
                slots = SlotMap.from_redis(await _run(connection, "CLUSTER", "SLOTS"), asked=host)
        except exceptions.ResponseError as error:
            if "cluster support disabled" in str(error):
                problem, remedy = (
                    f"{host[0]}:{host[1]} is no node of a cluster",
                    "write redis:// in place of redis+cluster://",
                )
                return [Finding(subject, problem, remedy, is_fatal=True)]
            raise
        except (exceptions.RedisError, OSError) as error:
            problems.append(_failure(subject, address, error, f"{host[0]}:{host[1]}"))
            continue
        return [*problems, *await _check_masters(subject, address, slots)]
    return problems


async def _check_masters(subject: str, address: RedisAddress, slots: SlotMap) -> list[Finding]:
    if slots.missing:
        problem = f"{slots.missing} of the {SLOTS} slots of the cluster have no master"
        remedy = "assign them, for instance with `redis-cli --cluster fix`"
        return [Finding(subject, problem, remedy, is_fatal=True)]
    findings: list[Finding] = []
    for host in slots.masters:
        try:
            async with _opened(address, host) as connection:
                info = await _info(connection)
        except (exceptions.RedisError, OSError) as error:
            findings.append(_failure(subject, address, error, f"{host[0]}:{host[1]}"))
            continue
        findings += _server_findings(subject, f"{host[0]}:{host[1]}", info)
        findings += _replica_findings(subject, host, info)
    return [*findings, *_tls_findings(subject, address)]


def _server_findings(subject: str, name: str, info: dict[str, str]) -> Iterator[Finding]:
    """What is wrong with one master."""
    version = tuple(int(part) for part in info.get("redis_version", "").split(".")[:2] if part.isdecimal())
    if version and version < OLDEST:
        yield Finding(subject, f"{name} is Redis {info['redis_version']}", "install 6.2 or later", is_fatal=True)
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory", "0") != "0" and policy != "noeviction":
        problem = f"{name} evicts keys when its memory is full ({policy}), and so loses events and presence"
        yield Finding(subject, problem, "set maxmemory-policy to noeviction")
    if info.get("aof_enabled", "1") == "0":
        problem = f"{name} has no append-only file: after a restart clients load everything again"
        yield Finding(subject, problem, "set appendonly to yes")
    elif "err" in (info.get("aof_last_write_status"), info.get("aof_last_bgrewrite_status")):
        problem = f"{name} cannot write its append-only file"
        yield Finding(subject, problem, "free space on its disk, and see its log", is_error=True)
    if info.get("server_time_usec", "").isdecimal():
        yield from clock_findings(name, _time(info["server_time_usec"]), asked_at=_time(info["asked_time_usec"]))
    if "certificate_ends" in info:
        ends = datetime.fromisoformat(info["certificate_ends"])
        yield from certificate_findings(subject, ends, of=f"the certificate of {name}")


def _time(microseconds: str) -> datetime:
    return datetime.fromtimestamp(int(microseconds) / 1e6, UTC)


def _replica_findings(subject: str, host: Host, info: dict[str, str]) -> Iterator[Finding]:
    if info.get("connected_slaves") == "0":
        yield Finding(subject, f"{host[0]}:{host[1]} has no replica", "add one, or its failure stops the delivery")


def _tls_findings(subject: str, address: RedisAddress) -> Iterator[Finding]:
    if address.has_tls and not address.is_verified:
        problem = "the certificate is not verified (ssl_cert_reqs=none)"
        yield Finding(subject, problem, "remove that option, and name the authority with ssl_ca_certs=FILE")


def _failure(subject: str, address: RedisAddress, error: Exception, name: str = "") -> Finding:
    """The finding for a server that cannot be used. Fatal if waiting does not help."""
    name = name or str(address)
    text = " ".join(str(error).split())
    if found := _cause(error, ssl.SSLCertVerificationError):
        remedy = (
            "name the file of its authority with ssl_ca_certs=FILE in the URL"
            if "hostname" not in found.verify_message.lower() and "IP address" not in found.verify_message
            else "use a name or an address that is in its certificate"
        )
        problem = f"the certificate of {name} is not valid ({found.verify_message})"
        return Finding(subject, problem, remedy, is_fatal=True)
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError):
        return Finding(subject, f"{name} refuses the credentials ({text})", "correct user and password", is_fatal=True)
    if isinstance(error, exceptions.NoPermissionError):
        problem = f"the user may not do everything ({text})"
        return Finding(subject, problem, "give it the ACL of docs/redis.md", is_error=True)
    if _cause(error, ssl.SSLError):
        remedy = "write redis:// if the server has no TLS, and see its log"
        return Finding(subject, f"{name} answers without TLS or refuses it", remedy, is_error=True)
    return Finding(subject, f"{name} does not answer ({text})", "start it, or correct the address", is_error=True)


def _cause(error: BaseException | None, kind: type[Any]) -> Any:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


@asynccontextmanager
async def _opened(address: RedisAddress, host: Host | None) -> AsyncIterator[Any]:
    connection = await dial(address, host, timeout=CHECK_SECONDS)
    try:
        yield connection
    finally:
        await connection.disconnect(nowait=True)


async def _run(connection: Any, *command: str) -> Any:
    async with asyncio.timeout(CHECK_SECONDS):
        await connection.send_command(*command)
        return await connection.read_response()


async def _info(connection: Any) -> dict[str, str]:
    """Return the fields of INFO, `asked_time_usec`, the time of this machine before it, and with TLS
    `certificate_ends`, until when the certificate is valid."""
    more = {"asked_time_usec": str(time.time_ns() // 1000)}
    is_secured = isinstance(connection, SharedContextConnection) and connection.certificate
    if is_secured and (ends := end_of(connection.certificate)):
        more["certificate_ends"] = ends.isoformat()
    text = (await _run(connection, "INFO")).decode()
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return {name: value.strip() for name, _, value in pairs} | more
