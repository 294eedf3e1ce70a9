"""The style sheet and the script without what only those need who read them: comments, indentation, blank lines.

Their files stay as they are written, and whoever serves the folder itself sends them so. What is left out here is a
fifth of what a browser would fetch.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# A string stays as it is; a comment goes with the space after it, and so does space where it parts nothing.
STRING = r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
STYLE_SPACE = re.compile(STRING + r"|/\*.*?\*/\s*|(?<=[{};:,])\s+|\s+(?=\{)|;\s*(?=\})", re.DOTALL)
# Lines are kept, for some of them end a statement; a comment goes where it has lines of its own.
SCRIPT_SPACE = re.compile(r"^\s*(?://.*|/\*(?:[^*]|\*(?!/))*\*/)\n|^\s+", re.MULTILINE)


def minified_style(source: str) -> str:
    """Return a style sheet that says the same in fewer characters."""
    return STYLE_SPACE.sub(r"\1", source)


def minified_script(source: str) -> str:
    """Return a script that does the same in fewer characters; no string of it may have lines of its own."""
    return SCRIPT_SPACE.sub("", source)


MINIFIED: dict[str, Callable[[str], str]] = {".css": minified_style, ".js": minified_script}
