"""Optional packages: what a process imports, and the error when a package is missing."""

import subprocess
import sys

import pytest

from hummdesk.core.errors import CommandError
from hummdesk.core.extras import EXTRAS, explain_missing

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def run(code: str, *, hidden: set[str]) -> str:
    """Run code in a new process in which these packages are not installed; return its output."""
    return subprocess.run(
        [sys.executable, "-c", HIDE.format(names=hidden) + code], capture_output=True, text=True, check=True
    ).stdout


def test_web_process_without_optional_packages_starts() -> None:
    assert run("import hummdesk.server.app; print('imported')", hidden=set(EXTRAS)) == "imported\n"


@pytest.mark.parametrize(
    ("package", "code", "extra"),
    [
        ("numpy", "providers.local_provider('embedded')", "ai"),
        ("snowballstemmer", "providers.local_provider('embedded')", "ai"),
        ("anthropic", "ExternalModel('anthropic', Settings())", "external-models"),
        ("openai", "ExternalModel('openai', Settings())", "external-models"),
    ],
)
def test_provider_without_its_package_names_the_extra(package: str, code: str, extra: str) -> None:
    prepared = (
        "from hummdesk.ai import providers\nfrom hummdesk.core.config import Settings\n"
        "from hummdesk.core.errors import CommandError\n"
    )
    if "ExternalModel" in code:
        prepared += "from hummdesk.ai.external.model import ExternalModel\n"
    output = run(f"{prepared}try: {code}\nexcept CommandError as error: print(error)", hidden={package})
    assert output == f"the Python package {package} is not installed: pip install 'hummdesk[{extra}]'\n"


def test_missing_package_of_no_extra_is_not_explained() -> None:
    with pytest.raises(ModuleNotFoundError), explain_missing():
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")


def test_missing_package_of_an_extra_is_explained_by_its_top_level_name() -> None:
    with pytest.raises(CommandError) as raised, explain_missing():
        raise ModuleNotFoundError("No module named 'celery.app'", name="celery.app")
    assert str(raised.value) == "the Python package celery is not installed: pip install 'hummdesk[relay]'"
