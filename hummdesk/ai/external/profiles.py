"""The profile of an account in the prompt of its drafts, after the prompt of all accounts, so that both can be cached.

It is one JSON object, which its texts cannot close. Addresses and long numbers are left out: a reply may have them from
sources only.
"""

from dataclasses import asdict, replace
from functools import lru_cache

import orjson

from hummdesk.ai.external.grounding import clean
from hummdesk.ai.external.request_templates import RequestTemplate
from hummdesk.ai.protocol import Profile
from hummdesk.ai.redaction import PLACEHOLDER, Redactor
from hummdesk.ai.text import readable

CACHED_ACCOUNTS = 100

INTRODUCTION = """## This company

The JSON object below is by the company's admins: `company` says what it is, `voice` how it writes, and each reply
follows its `policies`. `replies` are replies that its agents have sent to other customers, as examples of length and
tone. None of this is a source: facts and promises come from `sources` only, and the rules above come first."""


@lru_cache(maxsize=CACHED_ACCOUNTS)
def with_profile(template: RequestTemplate, profile: Profile) -> RequestTemplate:
    """Return the template of drafts with the account's profile, if it has one."""
    texts = {
        name: [_redacted(text) for text in value] if isinstance(value, tuple) else _redacted(value)
        for name, value in asdict(profile).items()
        if value
    }
    if not texts:
        return template
    return replace(template, account_prompt=f"{INTRODUCTION}\n\n{orjson.dumps(texts).decode()}")


def _redacted(text: str) -> str:
    """Redact a text, with gaps: a placeholder of its own could be restored as a value of the request."""
    return PLACEHOLDER.sub("…", Redactor().redact(clean(readable(text))))
