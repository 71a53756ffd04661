"""One deployment that all fault tests share."""

from collections.abc import AsyncIterator

import pytest

from tests.system.chaos.deployment import Deployment, deploy


@pytest.fixture(scope="package")
async def shared_deployment() -> AsyncIterator[Deployment]:
    # A web process that the machine does not run for seconds is not taken for a killed one, nor an agent who reconnects
    # for one who has left.
    async with deploy(presence_lease_seconds=6.0, presence_grace_seconds=4.0) as made:
        yield made


@pytest.fixture
async def deployment(shared_deployment: Deployment) -> Deployment:
    """The shared deployment with all its processes running."""
    await shared_deployment.restart_missing()
    return shared_deployment
