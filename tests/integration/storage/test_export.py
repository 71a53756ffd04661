"""The export of a contact and of an account."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError, NotFound
from hummdesk.core.ids import new_id
from hummdesk.operator import contact


@pytest.fixture
def operator_settings(settings: Settings, database_url: str) -> Settings:
    return replace(settings, database_url=database_url)


def read(file: Path) -> dict[str, Any]:
    """The JSON files of an archive by table."""
    with ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        return {name.removesuffix(".json"): json.loads(archive.read(name)) for name in names}


async def test_contact_export_has_everything_about_the_contact(
    account: Any, operator_settings: Settings, tmp_path: Path
) -> None:
    await account.send(account.customer, "<b>Where</b> is it?")
    await account.send(account.agent, "A note", private=True, metadata={"number": 1e20})
    other = await account.start(account.stranger, subject="Something else")
    file = tmp_path / "export.zip"
    number = await contact.export(operator_settings, account.customer.id, file)

    found = read(file)
    assert number == sum(map(len, found.values()))
    assert [row["email"] for row in found["contacts"]] == ["customer@example.com"]
    assert sorted(row["content"] for row in found["messages"]) == ["<b>Where</b> is it?", "A note"]
    assert {"number": 1e20} in [row["metadata"] for row in found["messages"]]
    assert [row["id"] for row in found["conversations"]] == [str(account.conversation)]
    assert len(found["ai_runs"]) == 1
    assert {row["kind"] for row in found["conversation_events"]} == {"created"}
    with ZipFile(file) as archive:
        index = archive.read("index.html").decode()
    assert "&lt;b&gt;Where&lt;/b&gt; is it?" in index
    assert "Agent (note)" in index
    assert str(other) not in json.dumps(found) + index
    assert file.stat().st_mode & 0o777 == 0o600


async def test_contact_export_has_no_vector_and_no_internal_state(
    account: Any, operator_settings: Settings, tmp_path: Path
) -> None:
    await account.send(account.customer)
    await contact.export(operator_settings, account.customer.id, tmp_path / "export.zip")
    found = read(tmp_path / "export.zip")
    assert "knowledge_passages" not in found
    assert not {"claimed_by", "lease_until", "vector"} & {
        name for rows in found.values() for row in rows for name in row
    }


async def test_export_replaces_no_file(account: Any, operator_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    file.write_text("mine")
    with pytest.raises(CommandError, match="exists: name another file"):
        await contact.export(operator_settings, account.customer.id, file)
    assert file.read_text() == "mine"


async def test_export_of_unknown_contact_is_refused(operator_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No contact has this id"):
        await contact.export(operator_settings, new_id(), tmp_path / "export.zip")
    assert list(tmp_path.iterdir()) == []
