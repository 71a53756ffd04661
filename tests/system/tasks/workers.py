"""`python -m tests.system.tasks.workers`: the workers as `python -m tasks` runs them, with the scripted provider."""

import tests.system.tasks.providers  # noqa: F401
from tasks.__main__ import main

main()
