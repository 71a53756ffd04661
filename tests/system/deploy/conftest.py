import pytest

from tests.system.js.script_runner import ScriptRunner, install_packages


@pytest.fixture(scope="session")
def node() -> ScriptRunner:
    return install_packages()
