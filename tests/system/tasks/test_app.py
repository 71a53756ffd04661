"""Settings with which a worker refuses to start."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
SERVERS = {"DATABASE_URL": "postgresql:///none", "REDIS_URL": "redis://127.0.0.1:1/0", "JWT_SECRET": "s" * 32}


def refused(env: dict[str, str]) -> str:
    outside = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    ended = subprocess.run(
        [sys.executable, "-c", "import tasks.app"],
        cwd=REPOSITORY,
        env=outside | env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    return ended.stderr


def test_start_with_invalid_settings_reports_all_of_them() -> None:
    message = refused(SERVERS | {"WORKER_CONCURRENCY": "0", "AI_MAX_ATTEMPTS": "many"})
    assert message.splitlines() == [
        "AI_MAX_ATTEMPTS: 'many' is not a whole number",
        "WORKER_CONCURRENCY: 0 is below the minimum of 1",
    ]


def test_start_with_metrics_port_without_directory_is_refused() -> None:
    assert refused(SERVERS | {"METRICS_PORT": "9100"}).startswith("PROMETHEUS_MULTIPROC_DIR: not set")
