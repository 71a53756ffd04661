import pytest

from tests.system.js.node import Node, installed


@pytest.fixture(scope="session")
def node() -> Node:
    return installed()
