"""Detection of secrets in a text: keys and tokens of known shapes, labelled passwords and codes, random strings."""

import re
from collections.abc import Iterator
from itertools import pairwise

from hummdesk.ai.personal_data import Span, merged

MIN_RANDOM = 20
"""Characters from which a string that looks random counts as a key."""
MIN_SEGMENT = 16
"""Characters of its longest part between hyphens: names of products and files have shorter ones."""

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----(?:.*?-----END [A-Z0-9 ]{1,40}-----|.*)", re.DOTALL)
_SHAPES = (
    r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*){0,3}",  # JWT, JWE
    r"sk-[\w-]{16,}",  # OpenAI, Anthropic and others
    r"(?:sk|pk|rk|rzp)_(?:live|test)_\w{10,}",  # Stripe, Razorpay
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}",  # AWS
    r"(?:gh[opusr]|github_pat|npm|dckr_pat|hf|gsk|r8|figd|glsa|sntrys|dop_v1|lin_api|ntn|whsec|shp(?:at|ca|pa|ss))"
    r"_[\w+/=]{16,}",  # GitHub, npm, Docker, Hugging Face, Groq, Figma, Grafana, Sentry, DigitalOcean, Shopify
    r"(?:gl(?:pat|ptt|dt|rt|cbt|ft)|xox[a-z]|xapp|xai|pplx|pypi|xkeysib|tskey|GOCSPX|PMAK|NRAK|sq0(?:atp|csp))"
    r"-[\w-]{10,}",  # GitLab, Slack, xAI, PyPI, Brevo, Tailscale, Google, Postman, New Relic, Square
    r"(?:AIza|EAA|ATATT3|dapi)[\w-]{20,}",  # Google, Facebook, Atlassian, Databricks
    r"(?:SG|ya29|hvs|hvb)\.[\w.-]{16,}",  # SendGrid, Google, Vault
    r"key-[0-9a-f]{32}",  # Mailgun
    r"AGE-SECRET-KEY-1[A-Z0-9]{16,}",
    r"\d{8,10}:[\w-]{35}",  # Telegram
    r"ssh-(?:rsa|dss|ed25519) AAAA[\w+/=]{16,}",
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",  # UUID
    r"(?=[0-9-]*[A-Z])(?:[A-Z0-9]{4,6}-){3,}[A-Z0-9]{4,6}",  # licence keys
    r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}",  # MAC addresses
)
_KEY = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_SHAPES)})(?![A-Za-z0-9])")
_LABELS = (
    "pass(?:word|wort|code|phrase)|pwd|kennwort|mot de passe|contraseña|clave|senha|hasło|пароль|parola|wachtwoord|"
    "lösenord|adgangskode|passord|salasana|şifre|heslo|jelszó|密码|密碼|パスワード|비밀번호|pin|puk|cvv|cvc|otp|tan|"
    "(?:verification|security|one-time|login|sms)[ -]code|(?:bestätigungs|sicherheits)code|code de vérification|"
    "código de verificación|secret|token|bearer|basic|api[ _-]?key|(?:access|secret|private|license)[ _-]key|"
    "client[ _-]secret"
)
_VALUE = (
    r"""(?=[^\s"'`]{0,100}(?:\d|[@#$%^&*_+=~!][^\s"'`]))[^\s"'`«»“”]{3,100}?"""
    r"""(?=[.,;:!?)\]"'`»”]{0,10}(?:\s|$)|(?<=[^\s]{100}))"""
)
"""At most 100 characters, so that the time stays linear."""
_LABELLED = re.compile(
    rf"(?<!\w)(?:{_LABELS})(?:\s?[:=]\s?|\s(?:is|ist|lautet|est|es|è|é|jest|är|er)\s:?\s?|\s)"
    rf"""["'`«“]?({_VALUE})""",
    re.IGNORECASE,
)
_TOKEN = re.compile(rf"(?<![\w+/=-])[A-Za-z0-9_+/=-]{{{MIN_RANDOM},}}")


def pem_blocks(text: str) -> Iterator[Span]:
    """Find keys and certificates in PEM; one without an end extends to the end of the text."""
    return (found.span() for found in _PEM.finditer(text))


def secret_keys(text: str) -> Iterator[Span]:
    spans = [found.span() for found in _KEY.finditer(text)]
    spans += [found.span(1) for found in _LABELLED.finditer(text)]
    spans += [found.span() for found in _TOKEN.finditer(text) if _is_random(found[0])]
    return merged(spans)


def _is_random(token: str) -> bool:
    """Return whether kinds of characters change so often as in a key, and not as in a name or a path."""
    longest = max(re.split(r"[-_]", token), key=len)
    kinds = [_kind(sign) for sign in longest if sign.isalnum()]
    changes = sum(before != after for before, after in pairwise(kinds))
    return len(longest) >= MIN_SEGMENT and "digit" in kinds and changes * 5 >= len(kinds)


def _kind(sign: str) -> str:
    if sign.isdigit():
        return "digit"
    return "upper" if sign.isupper() else "lower"
