"""Text of comments made into HTML, their times into words, and the marks of their writers into pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, lru_cache
from importlib.util import find_spec
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup, escape

from ..clock import format_timestamp, zone_label
from ..errors import LINE_BREAK, UNPRINTABLE

# Raise it with every change of what rendered() makes of a text: what was rendered under another name is stale.
RULES = "1"

HUES = 12
MARK = re.compile("[0-9a-f]{16}")
DOT = "M2 2h1"
# Where the bars of a row begin and how long they are, by the bits of its left half and middle; the rest mirrors it.
BARS = (
    (),
    ((2, 1),),
    ((1, 1), (3, 1)),
    ((1, 3),),
    ((0, 1), (4, 1)),
    ((0, 1), (2, 1), (4, 1)),
    ((0, 2), (3, 2)),
    ((0, 5),),
)


@dataclass(frozen=True)
class Rendered:
    """The safe HTML of a text, and the name of the renderer that made it (see current_renderer)."""

    html: str
    renderer: str


def rendered(text: str) -> Rendered:
    """Return Markdown `text` as HTML that is safe in a page, by the rules of markdown.py and the settings of this app.

    What cannot be shown as Markdown, or not in good time, is shown as plain paragraphs. A text of MAX_CONTENT_CHARS
    takes some 50 ms at worst, and comes to some 100,000 characters (see benchmarks/markdown.py).
    """
    from .markdown import markdown_html  # what it needs is large, and most processes only show what was rendered

    lines = UNPRINTABLE.sub("", LINE_BREAK.sub("\n", text))
    html = markdown_html(lines, with_images=current_app.config["MARKDOWN_IMAGES"], with_colours=_has_pygments())
    return Rendered(html=html or str(paragraphs_html(lines)), renderer=current_renderer())


def current_renderer() -> str:
    """Return the name of what rendered() makes now, of RENDERER_CHARS at most: the rules, and what is switched on."""
    has_images = current_app.config["MARKDOWN_IMAGES"]
    return "+".join([RULES, *["code"] * _has_pygments(), *["images"] * has_images])


@cache
def _has_pygments() -> bool:
    return find_spec("pygments") is not None


def paragraphs_html(text: str) -> Markup:
    """Return plain `text` as escaped paragraphs: blank lines part them, line breaks stay."""
    lines = LINE_BREAK.sub("\n", text)  # the tutorial's code stored them as browsers send them
    paragraphs = re.split(r"\n(?:[^\S\n]*\n)+", lines.strip("\n"))
    break_html = Markup("<br>")
    return Markup("\n").join(
        Markup('<p dir="auto">{}</p>').format(break_html.join(map(escape, paragraph.split("\n"))))
        for paragraph in paragraphs
    )


def time_html(moment: datetime, *, is_bare: bool = False) -> Markup:
    """Return the `time` element of a moment in the site's zone, and the zone's name unless the pattern writes it.

    A bare one leaves out the words that the pattern begins with: it stands after others.
    """
    settings = current_app.config
    zone = ZoneInfo(settings["TIMEZONE"])
    pattern, has_zone = _written(settings["TIMESTAMP_FORMAT"], is_bare)
    iso = moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds")
    shown = escape(format_timestamp(moment, zone, pattern))
    label = "" if has_zone else f" {escape(zone_label(moment, zone))}"
    # Joined, and not by Markup.format, which takes ten times as long: each post waits for this.
    return Markup(f'<time datetime="{iso}Z">{shown}</time>{label}')  # noqa: S704


@lru_cache
def _written(pattern: str, is_bare: bool) -> tuple[str, bool]:
    """Return `pattern`, without the words that it begins with if it `is_bare`, and whether it writes the zone."""
    if is_bare:
        pattern = re.sub(r"^[^%]+(?=%)", "", pattern)
    return pattern, bool(re.search(r"%[-_0^#]?[zZ]", pattern.replace("%%", "")))


@lru_cache(maxsize=1024)
def mark_svg(mark: str | None) -> Markup:
    """Return the picture of a writer's mark: a mirrored sign in one of HUES colours, which the style sheet names.

    15 bits of the mark say which cells of five rows are drawn, 16 others the colour. What is no mark has a dot.
    """
    if mark is None or not MARK.fullmatch(mark):
        return _mark_element("none", DOT)
    cells = int(mark[4:8], 16)
    return _mark_element(str(int(mark[:4], 16) % HUES), _bars(cells) or DOT)


def _mark_element(hue: str, path: str) -> Markup:
    return Markup(  # noqa: S704 - digits, and letters of ours
        f'<svg class="mark mark-{hue}" viewBox="-1 -1.5 7 7" aria-hidden="true"><path d="{path}"/></svg>'
    )


def _bars(cells: int) -> str:
    """Return the path of the cells that are 1: a bar for each run of them in a row, as wide as the rows are apart."""
    return "".join(f"M{x} {y}h{length}" for y in range(5) for x, length in BARS[cells >> 3 * y & 7])
