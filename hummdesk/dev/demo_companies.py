"""The companies of the demo data, the same on every machine."""

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from hummdesk.core.models import Person, Role

CONTENT = Path(__file__).with_name("content")
CONTENT_NAMES = ("outdoor", "invoicing")
NAMESPACE = UUID("5f0d3c1e-8a57-4d43-9a3e-6d2b8f1c7e90")
CUSTOMER_DOMAINS = ("example.com", "example.org", "example.net")
CUSTOMERS_FROM = 500
"""The first name number of customers, so that no customer has the name of a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    number: int
    name: str
    domain: str
    content: dict[str, Any]
    """The file of content/ about this company."""

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE, f"account/{self.number}")

    def id_of(self, noun: str, number: int) -> UUID:
        return uuid5(self.id, f"{noun}/{number}")

    def users(self, agents: int) -> list[Person]:
        """Return an admin, the agents and a viewer."""
        names = [self._person("user", 0, "admin")]
        names += [self._person("user", 2 + number, "agent") for number in range(agents)]
        return [*names, self._person("user", 1, "viewer")]

    def customers(self, number: int) -> list[Person]:
        return [self._person("customer", CUSTOMERS_FROM + one, "customer") for one in range(number)]

    def _person(self, noun: str, number: int, role: Role) -> Person:
        first, last = _name(number, self.number)
        domain = self.domain if role != "customer" else _customer_domain(self.number)
        again = number // (len(_PEOPLE["first"]) * len(_PEOPLE["last"])) or ""
        return Person(
            account_id=self.id,
            id=self.id_of(noun, number),
            email=f"{_ascii(first)}.{_ascii(last)}{again}@{domain}",
            name=f"{first} {last}",
            role=role,
        )


def company(number: int) -> Company:
    """Return company `number`: the first two have their own content, further ones share it under generated names."""
    text = (CONTENT / f"{CONTENT_NAMES[number % len(CONTENT_NAMES)]}.json").read_text(encoding="utf-8")
    written = json.loads(text)
    if number < len(CONTENT_NAMES):
        return Company(number=number, name=written["name"], domain=written["domain"], content=written)
    name, domain = _generated(number)
    renamed = json.loads(text.replace(written["name"], name).replace(written["domain"], domain))
    return Company(number=number, name=name, domain=domain, content=renamed)


def _generated(number: int) -> tuple[str, str]:
    first, last = _PEOPLE["companies"]["first"], _PEOPLE["companies"]["last"]
    name = f"{first[number % len(first)]} {last[number % len(last)]}"
    again = number // (len(first) * len(last))
    if again:
        name = f"{name} {again + 1}"
    return name, f"{_ascii(name).replace(' ', '-')}.example"


def _customer_domain(number: int) -> str:
    return CUSTOMER_DOMAINS[number] if number < len(CUSTOMER_DOMAINS) else f"customers-{number}.example"


def _name(number: int, account: int) -> tuple[str, str]:
    """Return a first and a last name; their counts are coprime, so that no pair repeats before all were used."""
    first, last = _PEOPLE["first"], _PEOPLE["last"]
    return first[(7 * number + 3 * account) % len(first)], last[(11 * number + 5 * account) % len(last)]


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()


_PEOPLE: dict[str, Any] = json.loads((CONTENT / "people.json").read_text(encoding="utf-8"))
