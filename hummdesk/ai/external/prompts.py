"""System prompts: one file of prompts/ each, with version and purpose at its head."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    name: str
    version: str
    """The version in the file, then a digest of the text in case a change did not raise the version."""
    purpose: str
    text: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


@cache
def load_prompt(name: str) -> Prompt:
    """Read the prompt from its file, once per process."""
    _, head, text = (FOLDER / f"{name}.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    version = f"{fields['version']}-{sha256(text.encode()).hexdigest()[:8]}"
    return Prompt(name=name, version=version, purpose=fields["purpose"], text=text.strip())
