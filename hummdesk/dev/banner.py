"""What `up` and `demo` tell the person at the terminal."""

import os
import sys
from pathlib import Path
from typing import Any

from hummdesk.core.config import Settings

ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not listened on


def local(host: str) -> str:
    """An address to reach from here what listens on `host`."""
    return "127.0.0.1" if host in ANYWHERE else host


def people(demo: dict[str, Any]) -> str:
    """A line for each person of the demo data, by account."""
    lines = []
    for account in demo["accounts"]:
        lines.append(f"{account['name']} ({account['id']})")
        lines += [_line(user["role"], user) for user in account["users"]]
        lines += [_line("customer", customer) for customer in account["customers"]]
    return "\n".join(lines)


def _line(role: str, person: dict[str, Any]) -> str:
    return f"  {role:9} {person['name']:24} {person['email']}"


def banner(home: Path, settings: Settings, demo: dict[str, Any], *, seconds: float) -> str:
    program = f"{_shown(Path(sys.executable))} -m hummdesk"
    celery = _shown(Path(sys.executable).with_name("celery"))
    chosen = "" if home == Path(".hummdesk").absolute() else f" --home {_shown(home)}"
    users = [user for account in demo["accounts"] for user in account["users"] if user["role"] == "agent"]
    customers = [customer for account in demo["accounts"] for customer in account["customers"]]
    address = f"http://{local(settings.host)}:{settings.port}"
    return f"""
{people(demo)}

HummDesk is ready after {seconds:.1f} s: {address}
Data and logs are in {_shown(home)}. Ctrl-C stops it; what was written stays.

Be an agent:      {program} token{chosen} --email {users[0]["email"]}
Be a customer:    {program} token{chosen} --contact {customers[0]["email"]}
Connect:          a Socket.IO client to {address} with auth: {{token}}; README.md has a first session
See it work:      curl {address}/health/ready   curl {address}/metrics
Ask the AI:       echo "My parcel never arrived" | {program} ai classify
Watch it work:    env $({program} env{chosen}) {celery} -A tasks.app flower --address=127.0.0.1

Open in a browser: {address}/ is the agents' console; a click signs you in
                  {address}/demo/shop is a shop with the customers' widget
"""


def _shown(path: Path) -> str:
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
