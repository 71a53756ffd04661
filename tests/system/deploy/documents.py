"""The parts of the documents that are generated: `python -m tests.system.deploy.documents` writes them."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from marshmallow import Schema
from prometheus_client.metrics import MetricWrapperBase

from hummdesk.contract.table import EVENTS, REQUESTS, Request
from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.models import ANSWERING, STAFF
from hummdesk.publish.events import EVENTS as DEFINITIONS
from hummdesk.server.handlers.table import HANDLERS

ROOT = Path(__file__).parents[3]

Render = Callable[[], str]


def env_settings() -> str:
    """Each setting as in a .env file, commented out with its default."""
    return "\n".join(f"# {_meaning(entry)}\n#{entry.name.upper()}={entry.default}\n" for entry in fields(Settings))


def settings_table() -> str:
    rows = (f"| `{entry.name.upper()}` | {_code(entry.default)} | {_meaning(entry)} |" for entry in fields(Settings))
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def _meaning(entry: Any) -> str:
    least, choices = entry.metadata["minimum"], entry.metadata["choices"]
    bounds = [f"at least {least}"] if least else []
    bounds += [f"one of {', '.join(choices)}"] if len(choices) > 1 else []
    return "; ".join([entry.metadata["meaning"], *bounds])


def _code(value: object) -> str:
    return f"`{value}`" if value != "" else ""


def metrics_table() -> str:
    found = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    rows = (
        f"| `{_exposed(metric)}` | {metric._type} | {', '.join(metric._labelnames)} | {metric._documentation} |"
        for metric in found
    )
    return "\n".join(["| metric | type | labels | what it says |", "| --- | --- | --- | --- |", *rows])


def _exposed(metric: MetricWrapperBase) -> str:
    return metric._name + ("_total" if metric._type == "counter" else "")


def requests_table() -> str:
    rows = (
        f"| `{name}` | {_who(request)} | {_schema(request)} | {_payload(request.answer)} | {_handler(request)} |"
        for name, request in REQUESTS.items()
    )
    return "\n".join(["| request | who may | schema | answer | handler |", "| --- | --- | --- | --- | --- |", *rows])


def _who(request: Request) -> str:
    parts = [("staff", STAFF), ("agent, admin", ANSWERING), ("customer", frozenset({"customer"}))]
    said, left = [], set(request.roles)
    for name, roles in parts:
        if roles <= left:
            said.append(name)
            left -= roles
    return ", ".join(said + sorted(left))


def _schema(request: Request) -> str:
    return f"[`{type(request.schema).__name__}`](hummdesk/contract/requests.py)"


def _payload(schema: Schema) -> str:
    path = type(schema).__module__.replace(".", "/") + ".py"
    return f"[`{type(schema).__name__}`]({path})"


def _handler(request: Request) -> str:
    path = HANDLERS[request.name].__module__.replace(".", "/") + ".py"
    return f"[`{HANDLERS[request.name].__name__}`]({path})"


def events_table() -> str:
    rows = (
        f"| `{name}` | {', '.join(sorted(event.recipients))} | {_payload(event.schema)} | {_definition(name)} |"
        for name, event in EVENTS.items()
    )
    return "\n".join(["| event | recipients | payload | definition |", "| --- | --- | --- | --- |", *rows])


def _definition(event: str) -> str:
    definition = DEFINITIONS[event]
    return f"[`{definition.__name__}`]({definition.__module__.replace('.', '/')}.py)"


def first_session() -> str:
    return f"```js\n{(ROOT / 'tests/system/js/first_session.mjs').read_text().strip()}\n```"


DOCUMENTS: dict[str, dict[str, Render]] = {
    ".env.example": {"settings": env_settings},
    "README.md": {"settings": settings_table, "session": first_session},
    "ARCHITECTURE.md": {"requests": requests_table, "events": events_table, "metrics": metrics_table},
}
"""By file and name of the part, which stands there between two marks."""


def renewed(file: str) -> str:
    """The file's text with its parts as the code has them now."""
    text = (ROOT / file).read_text()
    begin, end = ("# <{}>", "# </{}>") if file == ".env.example" else ("<!-- {} -->", "<!-- /{} -->")
    for name, render in DOCUMENTS[file].items():
        marks = re.compile(f"({re.escape(begin.format(name))}\n).*?({re.escape(end.format(name))})", re.DOTALL)
        text, number = marks.subn(lambda found, render=render: f"{found[1]}{render()}\n{found[2]}", text)
        if number != 1:
            raise ValueError(f"{file} has {number} parts {name}")
    return text


if __name__ == "__main__":
    for file in DOCUMENTS:
        (ROOT / file).write_text(renewed(file))
