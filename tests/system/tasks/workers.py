"""The workers of `python -m tasks` with the scripted provider."""

import tests.system.tasks.providers  # noqa: F401
from tasks.__main__ import main

main()
