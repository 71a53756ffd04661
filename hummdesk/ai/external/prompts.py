"""The prompts, each a file of prompts/ that says its version and what it is for."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    name: str
    version: str
    """As the file says, and a digest of its text: what was sent can be told even if a change forgot the first."""
    purpose: str
    text: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


@cache
def prompt(name: str) -> Prompt:
    """Read once a process."""
    _, head, text = (FOLDER / f"{name}.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    version = f"{fields['version']}-{sha256(text.encode()).hexdigest()[:8]}"
    return Prompt(name=name, version=version, purpose=fields["purpose"], text=text.strip())
