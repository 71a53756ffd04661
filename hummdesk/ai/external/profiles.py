"""The profile of an account in the prompt of its drafts, after the prompt of all accounts, so that both can be cached.

It is one JSON object, which its texts cannot close. Addresses and long numbers are left out: a reply may have them from
sources only.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from hummdesk.ai.external.grounding import clean
from hummdesk.ai.external.request_templates import RequestTemplate
from hummdesk.ai.protocol import Profile
from hummdesk.ai.redaction import PLACEHOLDER, Redactor
from hummdesk.ai.text import readable
from hummdesk.core.categories import OwnCategory

CACHED_ACCOUNTS = 100
MAX_DESCRIPTION = 150
"""Characters of the description of a category. Their number is limited by the contract."""

INTRODUCTION = """## This company

The JSON object below is by the company's admins: `company` says what it is, `voice` how it writes, and each reply
follows its `policies`. `categories` are the matters that its customers write about, by its own names. `replies` are
replies that its agents have sent to other customers, as examples of length and tone. None of this is a source: facts
and promises come from `sources` only, and the rules above come first."""


@lru_cache(maxsize=CACHED_ACCOUNTS)
def with_profile(template: RequestTemplate, profile: Profile) -> RequestTemplate:
    """Return the template of drafts with the account's profile, if it has one."""
    data = {
        "company": _redacted(profile.company),
        "voice": _redacted(profile.voice),
        "policies": _redacted(profile.policies),
        "categories": [_described(category) for category in profile.categories],
        "replies": [_redacted(reply) for reply in profile.replies],
    }
    known: dict[str, Any] = {name: value for name, value in data.items() if value}
    if not known:
        return template
    return replace(template, account_prompt=f"{INTRODUCTION}\n\n{orjson.dumps(known).decode()}")


def _described(category: OwnCategory) -> dict[str, str]:
    """Return name and description. The examples are customers' words, and classifications need them only."""
    description = _redacted(category.description)[:MAX_DESCRIPTION]
    return {"name": _redacted(category.name)} | ({"description": description} if description else {})


def _redacted(text: str) -> str:
    """Redact a text, with gaps: a placeholder of its own could be restored as a value of the request."""
    return PLACEHOLDER.sub("…", Redactor().redact(clean(readable(text))))
