"""What is generated from the code: parts of the documentation, and modules of the client libraries.

`python -m docs.generate` writes all of it. A generated part stands in its file between two marks. A test fails while
something is out of date.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click
from prometheus_client.metrics import MetricWrapperBase

from bench import history
from bench.volume import results
from docs import matrix, sizing
from hummdesk.cli import main
from hummdesk.contract import openapi, python_client, typescript, typescript_rest
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import JsonSchema, json_schema, reference
from hummdesk.contract.json_schema import payload_of, shapes
from hummdesk.contract.rest import ROUTES
from hummdesk.contract.table import EVENTS, REQUESTS
from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.errors import HummDeskError
from hummdesk.core.models import ANSWERING, STAFF
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.storage.personal_data import FILES, KEYS, OTHER_TABLES, TABLES

ROOT = Path(__file__).parents[1]

SECTIONS = {
    "hummdesk_env": "Process and network",
    "jwt_secret": "Tokens",
    "database_url": "PostgreSQL",
    "redis_url": "Redis and the event stream",
    "ping_interval_seconds": "Connections, presence and limits",
    "ai_provider": "AI",
    "log_level": "Logs and metrics",
}
"""The headings of the settings, each by the name of its first setting."""


def env_settings() -> str:
    """Return each setting as a line of a .env file, commented out with its default."""
    return "\n".join(f"# {_meaning(entry)}\n#{entry.name.upper()}={entry.default}\n" for entry in fields(Settings))


def settings_tables() -> str:
    parts = []
    for entry in fields(Settings):
        if entry.name in SECTIONS:
            parts += [f"\n## {SECTIONS[entry.name]}\n", "| setting | default | meaning |", "| --- | --- | --- |"]
        parts.append(f"| `{entry.name.upper()}` | {_code(entry.default)} | {_meaning(entry)} |")
    return "\n".join(parts).strip()


def _meaning(entry: "Field[Any]") -> str:
    least, choices = entry.metadata["minimum"], entry.metadata["choices"]
    bounds = [f"at least {least}"] if least else []
    bounds += [f"one of {', '.join(choices)}"] if len(choices) > 1 else []
    return "; ".join([entry.metadata["meaning"], *bounds])


def _code(value: object) -> str:
    return f"`{value}`" if value != "" else ""


def metrics_table() -> str:
    found = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    rows = (
        [f"`{_exposed(metric)}`", str(metric._type), ", ".join(metric._labelnames), str(metric._documentation)]
        for metric in found
    )
    return _table(("metric", "type", "labels", "meaning"), rows)


def _exposed(metric: MetricWrapperBase) -> str:
    return f"{metric._name}_total" if metric._type == "counter" else str(metric._name)


def alerts_table() -> str:
    """Return the alerts of deploy/prometheus/alerts.yml with what to do, without their expressions, and with a link."""
    text = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    alert = re.compile(r'- alert: (\w+)\n.*?severity: (\w+)\n.*?description: "(.+?)"\n', re.DOTALL)
    rows = (
        [f"[`{name}`](../runbook.md#{_anchor(name)})", severity, description]
        for name, severity, description in alert.findall(text)
    )
    return _table(("alert", "severity", "meaning and action"), rows)


def requests_table() -> str:
    rows = (
        [f"`{name}`", _roles(request.roles), _kind(payload_of(request)), _kind(reference(instance_of(request.answer)))]
        for name, request in REQUESTS.items()
    )
    return _table(("request", "roles", "payload", "fields of `ok`"), rows)


def _roles(roles: Iterable[str]) -> str:
    named, left = [], set(roles)
    for name, group in (("staff", STAFF), ("agent, admin", ANSWERING), ("customer", {"customer"})):
        if group <= left:
            named.append(name)
            left -= group
    return ", ".join(named + sorted(left))


def routes_table() -> str:
    rows = (
        [
            f"`{route.method} {route.plain_path}`",
            route.summary,
            _roles(route.roles),
            _kind(reference(instance_of(route.body))) if route.body else "",
            _kind(reference(instance_of(route.answer))) if route.answer else "",
        ]
        for route in ROUTES.values()
    )
    return _table(("call", "does", "roles", "body", "answer"), rows)


def queries_table() -> str:
    """Return the parameters of the query of each route that has some."""
    rows = (
        [f"`{route.method} {route.plain_path}`", f"`{name}`", _kind(json_schema(field)), _limits(json_schema(field))]
        for route in ROUTES.values()
        if route.query
        for name, field in instance_of(route.query).fields.items()
    )
    return _table(("call", "parameter", "type", "limits"), rows)


def statuses_table() -> str:
    return _table(("status", "meaning"), ([status, meaning] for status, meaning in openapi.ERRORS.items()))


def resource_tables() -> str:
    """Return a section for each payload of the REST API."""
    return "\n\n".join(_shape(name, shape) for name, shape in openapi.schemas().items())


def events_table() -> str:
    rows = (
        [f"`{name}`", ", ".join(sorted(event.recipients)), _kind(reference(instance_of(event.schema)))]
        for name, event in EVENTS.items()
    )
    return _table(("event", "recipients", "payload"), rows)


def schema_tables() -> str:
    """Return a section for each payload: its description and its fields."""
    return "\n\n".join(_shape(name, shape) for name, shape in shapes().items())


def _shape(name: str, shape: JsonSchema) -> str:
    required = shape.get("required", ())
    rows = [
        [f"`{field}`", _kind(kind), "required" if field in required else "optional", _limits(kind)]
        for field, kind in shape["properties"].items()
    ]
    parts = [f"### {name}", shape.get("description", "")]
    parts.append(_table(("field", "type", "", "limits"), rows) if rows else "No fields.")
    return "\n\n".join(part for part in parts if part)


def _kind(kind: JsonSchema | None) -> str:
    if kind is None:
        return "none"
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    for choice in ("oneOf", "anyOf"):
        if choice in kind:
            return " or ".join(map(_kind, kind[choice]))
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    if kind["type"] == "array":
        return f"list of {_kind(kind['items'])}"
    if isinstance(kind.get("additionalProperties"), dict):
        return f"object of {_kind(kind['additionalProperties'])}"
    return str(kind.get("format", kind["type"]))


LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxItems": "at most {} items",
    "minProperties": "at least {} entries",
    "maxProperties": "at most {} entries",
    "description": "{}",
}


def _limits(kind: JsonSchema) -> str:
    return "; ".join(text.format(kind[name]) for name, text in LIMITS.items() if kind.get(name))


def error_codes() -> str:
    known: list[type[HummDeskError]] = [HummDeskError, *HummDeskError.__subclasses__()]
    messages = {error.code: error.message for error in known}
    return _table(("code", "default message"), ([f"`{code}`", messages[code]] for code in sorted(messages)))


def commands() -> str:
    """Return a section for each command with its --help text."""
    context = click.Context(main, info_name="hummdesk", terminal_width=88, help_option_names=["-h", "--help"])
    return "\n\n".join(_commands(main, context))


def _commands(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _commands(inner, click.Context(inner, parent=context, info_name=name))


def broadcast_methods() -> str:
    """Return the public methods of BroadcastService with their parameters and descriptions."""
    methods = [member for name, member in vars(BroadcastService).items() if not name.startswith("_")]
    rows = ([f"`{_signature(method)}`", (method.__doc__ or "").partition("\n")[0]] for method in methods)
    return _table(("method", "description"), rows)


def _signature(method: Callable[..., object]) -> str:
    parameters = [one for one in inspect.signature(method).parameters.values() if one.name != "self"]
    named = [f"{one.name}=…" if one.kind is one.KEYWORD_ONLY else one.name for one in parameters]
    return f"{method.__name__}({', '.join(named)})"


def stored_tables() -> str:
    """Return what becomes of each table of PostgreSQL."""
    rows = [
        [f"`{one.name}`", one.holds, one.erasure, "yes" if one.scope in ("message", "conversation") else "no"]
        for one in TABLES
    ]
    rows += [[f"`{name}`", holds, "kept", "no"] for name, holds in OTHER_TABLES.items()]
    return _table(("table", "holds", "when a contact is erased", "subject to retention"), rows)


def redis_keys() -> str:
    rows = ([f"`{one.pattern}`", one.holds, one.erasure, one.lifetime] for one in KEYS)
    return _table(("key", "holds", "when a contact is erased", "disappears by itself"), rows)


def files() -> str:
    return _table(("written by", "holds", "erased"), ([f"`{one.module}`", one.holds, one.erasure] for one in FILES))


def example(name: str, language: str) -> Callable[[], str]:
    return lambda: f"```{language}\n{(ROOT / 'docs/examples' / name).read_text().strip()}\n```"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


Part = Callable[[], str]

DOCUMENTS: dict[str, dict[str, Part]] = {
    ".env.example": {"settings": env_settings},
    "docs/clients/javascript.md": {"example": example("first_session.mjs", "js")},
    "docs/clients/typescript.md": {"example": example("first_session.ts", "ts")},
    "docs/clients/python.md": {
        "acknowledge": example("acknowledge.py", "python"),
        "example": example("first_session.py", "python"),
    },
    "docs/identity.md": {
        "python": example("sign_token.py", "python"),
        "javascript": example("sign_token.mjs", "js"),
    },
    "docs/publishing.md": {
        "example": example("broadcast.py", "python"),
        "methods": broadcast_methods,
        "feed": example("follow_feed.py", "python"),
    },
    "docs/feed.md": {"example": example("mirror.py", "python")},
    "docs/performance.md": {"results": history.table},
    "docs/matrix.md": {"origin": matrix.origin, "results": matrix.table},
    "docs/personal-data.md": {"tables": stored_tables, "keys": redis_keys, "files": files},
    "docs/sizing.md": {
        "nodes": sizing.nodes_table,
        "figures": sizing.figures_table,
        "capacity": sizing.capacity_table,
        "million": sizing.million_table,
        "process": sizing.process_table,
    },
    "docs/scaling.md": {"volume": results.table},
    "docs/reference/command-line.md": {"commands": commands},
    "docs/reference/events.md": {
        "requests": requests_table,
        "events": events_table,
        "errors": error_codes,
        "payloads": schema_tables,
    },
    "docs/reference/rest.md": {
        "calls": routes_table,
        "queries": queries_table,
        "statuses": statuses_table,
        "payloads": resource_tables,
    },
    "docs/reference/metrics.md": {"metrics": metrics_table, "alerts": alerts_table},
    "docs/reference/settings.md": {"settings": settings_tables},
}
"""The generated parts: by file, then by the name in their marks."""

MODULES: dict[str, Callable[[], str]] = {
    "web/client/src/contract.ts": typescript.render,
    "web/client/src/rest/routes.ts": typescript_rest.render,
    "clients/python/hummdesk_client/socket/contract.py": python_client.render_socket,
    "clients/python/hummdesk_client/rest/routes.py": python_client.render_rest,
    "docs/performance.svg": history.chart,
}
"""The generated files: modules of the client libraries, and a chart."""


def renewed(file: str) -> str:
    """Return the text of a file with its generated parts as the code has them now."""
    text = (ROOT / file).read_text()
    begin, end = ("# <{}>", "# </{}>") if file == ".env.example" else ("<!-- {} -->", "<!-- /{} -->")
    for name, render in DOCUMENTS[file].items():
        gap = "" if file == ".env.example" else "\n"
        marks = re.compile(f"({re.escape(begin.format(name))}\n).*?({re.escape(end.format(name))})", re.DOTALL)
        part = f"{gap}{render()}\n{gap}".replace("\\", r"\\")
        text, number = marks.subn(rf"\g<1>{part}\g<2>", text)
        if number != 1:
            raise ValueError(f"{file} has {number} parts {name}, not one")
    return text


if __name__ == "__main__":
    for name in DOCUMENTS:
        (ROOT / name).write_text(renewed(name))
    for name, render in MODULES.items():
        (ROOT / name).write_text(render())
