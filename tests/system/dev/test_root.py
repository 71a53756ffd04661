"""Under root, PostgreSQL runs as another user, for which no existing directory is opened."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hummdesk.core.errors import CommandError
from hummdesk.dev import directories, postgres
from hummdesk.dev.process import ServerUser
from tests.system.dev.conftest import ask, running

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root only")


def modes(path: Path) -> dict[Path, tuple[int, int]]:
    return {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in (path, *path.parents)}


@as_root
async def test_home_out_of_reach_keeps_its_permissions(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "SHARED", folder / "shared")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = modes(home)
    cluster = await postgres.prepare(home)
    assert cluster.place.parent == folder / "shared"
    async with running(cluster, home):
        await ask(cluster.url(), "CREATE TABLE note AS SELECT 'kept' AS text")
    assert modes(home) == before
    async with running(await postgres.prepare(home), home):
        assert await ask(cluster.url(), "SELECT text FROM note") == "kept"
    shutil.rmtree(home)
    home.mkdir(mode=0o700)
    async with running(await postgres.prepare(home), home):
        assert await ask(cluster.url(), "SELECT to_regclass('note')") is None


@as_root
async def test_binaries_out_of_reach_are_copied_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = directories.server_user()
    shared = folder / "shared"
    monkeypatch.setattr(directories, "SHARED", shared)
    original = postgres.find_binaries(user)
    monkeypatch.setattr(postgres, "_is_usable", lambda package, user: False)
    binaries = postgres.find_binaries(user)
    assert binaries.is_relative_to(shared)
    assert binaries != original
    assert not (binaries / "postgres").stat().st_mode & 0o022
    made = (binaries / "postgres").stat().st_ino
    async with running(await postgres.prepare(folder), folder):
        assert (binaries / "postgres").stat().st_ino == made
    assert len(list(shared.iterdir())) == 1


@as_root
def test_shared_directory_of_another_user_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = directories.server_user()
    assert user is not None
    theirs, fallback = folder / "theirs", folder / "fallback"
    monkeypatch.setattr(directories, "SHARED", theirs)
    fallback.mkdir(mode=0o711)
    monkeypatch.setattr("tempfile.tempdir", str(fallback))
    theirs.mkdir()
    os.chown(theirs, user.uid, user.gid)
    assert directories.shared_directory(user).parent == fallback
    fallback.chmod(0o700)
    with pytest.raises(CommandError, match="can reach neither the home nor"):
        directories.shared_directory(user)


@as_root
async def test_database_directory_of_another_user_is_refused(folder: Path) -> None:
    (folder / "postgres").mkdir()
    with pytest.raises(CommandError, match=r"does not belong to .*, the user of PostgreSQL"):
        await postgres.prepare(folder)


@as_root
async def test_home_moved_out_of_reach_is_refused(folder: Path) -> None:
    user = directories.server_user()
    (folder / "near").mkdir(mode=0o711)
    directories.database_place(folder / "near", user)
    folder.chmod(0o700)
    with pytest.raises(CommandError, match="cannot be reached by"):
        directories.database_place(folder / "near", user)


def test_root_without_an_unprivileged_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(directories, "UNPRIVILEGED", ("no-such-user",))
    with pytest.raises(CommandError, match="no user no-such-user to run it"):
        directories.server_user()


UNPRIVILEGED = """
import asyncio, os, sys
from pathlib import Path
import psycopg, encodings.idna
from hummdesk.dev import home, postgres, redis
os.setgroups([]); os.setgid(65534); os.setuid(65534)
async def main():
    folder = home.make(Path(sys.argv[1]))
    cluster = await postgres.prepare(folder)
    server = redis.prepare(folder)
    processes = [await postgres.start(cluster, folder), await redis.start(server, folder)]
    with psycopg.connect(cluster.url()) as connection:
        print(connection.execute("SHOW fsync").fetchone()[0], cluster.place.owner(), cluster.user)
    for process in processes:
        await process.stop()
asyncio.run(main())
"""


@as_root
async def test_home_of_an_unprivileged_user_holds_everything(folder: Path) -> None:
    """It imports as root, since the interpreter may be out of reach; the binaries must be within reach."""
    nobody = ServerUser("nobody", 65534, 65534)
    if not directories.reaches(nobody, postgres.find_binaries(None) / "postgres", to="x"):
        pytest.skip("the packages are out of reach for others")
    folder.chmod(0o777)
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }  # nobody cannot write coverage data
    command = (sys.executable, "-c", UNPRIVILEGED, str(folder / "home"))
    child = await asyncio.create_subprocess_exec(*command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = await child.communicate()
    assert output.decode().split() == ["on", "nobody", "None"]
    assert stat.S_IMODE((folder / "home").stat().st_mode) == 0o700
