"""The catalogue of texts: what fails the build of the pages."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.generate import ROOT
from tests.system.js.script_runner import ScriptRunner

WEB = ROOT / "web"


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A copy of the sources of the pages."""
    for folder in ("console", "texts", "uploads", "widget"):
        shutil.copytree(WEB / folder, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (tmp_path / "node_modules").symlink_to(WEB / "node_modules")
    return tmp_path


def faults(node: ScriptRunner, web: Path) -> list[str]:
    done = subprocess.run([node.program, web / "texts/catalogue.js"], capture_output=True, text=True, check=False)
    assert done.returncode == (1 if done.stderr else 0), done.stderr
    return done.stderr.splitlines()


def test_texts_of_all_languages_are_complete_and_used(node: ScriptRunner, web: Path) -> None:
    assert faults(node, web) == []


def test_missing_unused_and_different_texts_are_reported(node: ScriptRunner, web: Path) -> None:
    german = json.loads((web / "texts/de.json").read_text())
    del german["widget.send"]
    german["widget.typing"] = "{person} schreibt"
    german["console.notice.queued"] = "{count, plural, other {# Nachrichten}}"
    german["widget.surplus"] = "Zu viel"
    (web / "texts/de.json").write_text(json.dumps(german))
    english = json.loads((web / "texts/en.json").read_text())
    (web / "texts/en.json").write_text(
        json.dumps(english | {"widget.unused": "Unused", "common.status.open.unused": "Unused"})
    )
    source = 'export const texts = [t("widget.unknown"), t("console.you")];'
    (web / "widget/src/extra.ts").write_text(source)
    (web / "widget/src/view2.tsx").write_text('export const view = <p title="Good day">How are you?</p>;')
    assert sorted(faults(node, web)) == [
        "de.json: common.status.open.unused is missing",
        "de.json: console.notice.queued lacks the plural one",
        "de.json: widget.send is missing",
        "de.json: widget.surplus is not in en.json",
        "de.json: widget.typing has other placeholders than in en.json",
        "de.json: widget.unused is missing",
        "en.json: common.status.open.unused is not used",
        "en.json: widget.unused is not used",
        "widget/src/extra.ts: console.you is not loaded with this source",
        "widget/src/extra.ts: widget.unknown is not in en.json",
        "widget/src/view2.tsx: “Good day” is not in the catalogue",
        "widget/src/view2.tsx: “How are you?” is not in the catalogue",
    ]
