"""How Sphinx builds the site: `python -m docs`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from kombo_async import __version__

project = "kombo_async"
copyright = "the authors of kombo_async, MIT"
version = release = __version__
language = "en"

extensions = ["myst_parser", "index_contents", "reference_pages"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
suppress_warnings = ["misc.highlighting_failure"]

myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = f"kombo_async {__version__}"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
