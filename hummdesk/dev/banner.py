"""The texts that `up` and `demo` print."""

import os
import sys
from pathlib import Path
from typing import Any

from hummdesk.core.config import Settings

WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not listened on


def local(host: str) -> str:
    """Return an address at which this machine reaches a listener on `host`."""
    return "127.0.0.1" if host in WILDCARDS else host


def people(demo: dict[str, Any]) -> str:
    """Return a line for each user and customer of the demo data, by account."""
    lines = []
    for account in demo["accounts"]:
        lines.append(f"{account['name']} ({account['id']})")
        lines += [_line(user["role"], user) for user in account["users"]]
        lines += [_line("customer", customer) for customer in account["customers"]]
    return "\n".join(lines)


def _line(role: str, person: dict[str, Any]) -> str:
    return f"  {role:9} {person['name']:24} {person['email']}"


def banner(home: Path, settings: Settings, demo: dict[str, Any], *, seconds: float) -> str:
    program = f"{_shown(Path(sys.executable))} -m hummdesk" if Path(sys.argv[0]).name != "hummdesk" else "hummdesk"
    celery = _shown(Path(sys.executable).with_name("celery"))
    chosen = "" if home == Path(".hummdesk").absolute() else f" --home {_shown(home)}"
    users = [user for account in demo["accounts"] for user in account["users"] if user["role"] == "agent"]
    customers = [customer for account in demo["accounts"] for customer in account["customers"]]
    address = f"http://{local(settings.host)}:{settings.port}"
    return f"""
{people(demo)}

HummDesk is ready after {seconds:.1f} s: {address}
Data and logs are in {_shown(home)}. Ctrl-C stops HummDesk; the data is kept.

Agent console:    {address}/ (click a demo user to sign in)
Customer widget:  {address}/demo/shop

Agent token:      {program} token{chosen} --email {users[0]["email"]}
Customer token:   {program} token{chosen} --contact {customers[0]["email"]}
Socket.IO:        connect to {address} with auth: {{token}}
Health, metrics:  curl {address}/health/ready   curl {address}/metrics
Celery workers:   env $({program} env{chosen}) {celery} -A tasks.app flower --address=127.0.0.1
Ask the AI:       echo "My parcel never arrived" | {program} ai classify
"""


def _shown(path: Path) -> str:
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
