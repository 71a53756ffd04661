"""A font of a package as the only one of Chromium, so that pictures do not depend on the fonts of the machine."""

from pathlib import Path

from tests.system.js.script_runner import HERE, install_packages

CONFIGURATION = """<?xml version="1.0"?>
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <match target="pattern">
    <edit name="family" mode="assign" binding="strong"><string>Inter</string></edit>
  </match>
  <match target="font">
    <edit name="antialias" mode="assign"><bool>true</bool></edit>
    <edit name="hinting" mode="assign"><bool>false</bool></edit>
    <edit name="rgba" mode="assign"><const>none</const></edit>
  </match>
</fontconfig>
"""


def configure(folder: Path) -> dict[str, str]:
    """Write a configuration of fontconfig into the folder; return the environment of a process that uses it."""
    install_packages()
    fonts = HERE / "node_modules" / "@expo-google-fonts" / "inter"
    path = folder / "fonts.conf"
    path.write_text(CONFIGURATION.format(fonts=fonts, cache=folder / "cache"))
    return {"FONTCONFIG_FILE": str(path)}
