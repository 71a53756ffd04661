import subprocess
import sys

IMPORT = """
import sys
from hummdesk.core import unused_packages
with unused_packages.skipped():
    import hummdesk.server.app, hummdesk.relay.process
print(sorted(unused_packages.UNUSED & sys.modules.keys()))
import requests
print(sorted(unused_packages.UNUSED & sys.modules.keys()))
"""


def test_web_process_and_relay_import_no_unused_package_and_leave_them_importable() -> None:
    output = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout
    assert output == "[]\n['requests']\n"
