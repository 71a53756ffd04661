"""Directories in the temporary folder are removed at the end of their process, or by the next one."""

import subprocess
import sys
from pathlib import Path

import pytest

from hummdesk.core import temporary


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_temporary_directory_at_the_end_is_removed(folder: Path) -> None:
    with temporary.directory("metrics") as path:
        assert path.parent == folder
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "file").write_text("")
    assert not list(folder.iterdir())


def test_temporary_directory_of_a_killed_process_is_removed_by_the_next(folder: Path) -> None:
    source = "import os; from hummdesk.core import temporary; temporary.make('metrics'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", source], env={"TMPDIR": str(folder)}, check=False)
    abandoned = list(folder.iterdir())
    assert len(abandoned) == 1
    kept = temporary.make("metrics")
    foreign = folder / "hummdesk-notes"
    foreign.mkdir()
    temporary.remove_abandoned()
    assert sorted(folder.iterdir()) == sorted([kept, foreign])
