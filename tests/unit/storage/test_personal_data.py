"""The classification of personal data covers the Redis keys and files that the code names."""

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path

from hummdesk.bus.shards import Shard
from hummdesk.core.broker import QUEUE_KEYS
from hummdesk.storage.personal_data import FILES, KEYS

ROOT = Path(__file__).parents[3]
PACKAGES = ("hummdesk", "tasks")
WRITING = {"write_text", "write_bytes", "mkdir", "touch", "symlink_to", "mkstemp", "mkdtemp", "TemporaryDirectory"}
WRITING |= {"NamedTemporaryFile", "copytree", "ZipFile"}
"""Names of functions that create files."""


def sources(pattern: str) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob(pattern))]


def is_classified(key: str) -> bool:
    return any(fnmatchcase(key, one.pattern) for one in KEYS)


def test_every_redis_key_in_the_code_is_classified() -> None:
    """A name that ends where a part is added, as in Lua, counts with any part."""
    named = re.compile(r"""["'](hummdesk:[^"'\s]+)["']""")
    naming = [path for path in [*sources("*.py"), *sources("*.lua")] if path.name != "personal_data.py"]
    found = {key for path in naming for key in named.findall(path.read_text())}
    keys = {re.sub(r"\{[^{}]+\}", "x", key).replace("{{", "{").replace("}}", "}") for key in found}
    assert len(keys) > 10
    named_whole = {key for key in keys if "*" not in key}  # others are patterns for SCAN
    unknown = {key for key in named_whole if not is_classified(key) and not is_classified(f"{key}x")}
    assert unknown == set(), "classify it in hummdesk/storage/personal_data.py"


def test_keys_of_the_stream_and_the_queues_are_classified() -> None:
    shard = Shard(3)
    for key in (shard.stream, shard.tip, shard.epoch, shard.writer("w"), shard.mark("m"), *QUEUE_KEYS.values()):
        assert is_classified(key), key


def test_every_module_that_writes_files_is_classified() -> None:
    writing = set()
    for path in sources("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _writes(node):
                writing.add(str(path.relative_to(ROOT)))
    assert writing == {file.module for file in FILES}, "classify it in hummdesk/storage/personal_data.py"


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("open", "fdopen"):
        modes = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        return any(set(mode) & set("wax") and len(mode) <= 3 for mode in modes)
    return name in WRITING and ast.unparse(call.func) != "session.touch"  # of a socket, not of a file
