"""Sphinx configuration: `make docs` builds the site into build/docs."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "HummDesk"
author = "the HummDesk maintainers"
release = version = re.findall(r'__version__ = "(.+)"', (ROOT / "hummdesk/__init__.py").read_text())[0]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["examples"]
nitpicky = True

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

html_theme = "furo"
html_title = f"HummDesk {release}"
html_show_copyright = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
