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
    zone = ZoneInfo(current_app.config["TIMEZONE"])
    pattern = current_app.config["TIMESTAMP_FORMAT"]
    if is_bare:
        pattern = re.sub(r"^[^%]+(?=%)", "", pattern)
    iso = moment.astimezone(timezone.utc).isoformat(timespec="seconds")
    # Joined, and not by Markup.format, which takes ten times as long: each post waits for this.
    element = Markup(f'<time datetime="{iso}">{escape(format_timestamp(moment, zone, pattern))}</time>')  # noqa: S704
    if re.search(r"%[-_0^#]?[zZ]", pattern.replace("%%", "")):
        return element
    return element + Markup(f' <span class="zone">{escape(zone_label(moment, zone))}</span>')  # noqa: S704


@lru_cache(maxsize=1024)
def mark_svg(mark: str | None) -> Markup:
    """Return the picture of a writer's mark: a mirrored sign in one of HUES colours, which the style sheet names.

    15 bits of the mark say which cells of five rows are drawn, 16 others the colour. What is no mark has a dot.
    """
    if mark is None or not MARK.fullmatch(mark):
        return _mark_element("none", "M2 2h0")
    cells = int(mark[4:8], 16)
    halves = [f"{cells >> 3 * row & 7:03b}" for row in range(5)]
    return _mark_element(str(int(mark[:4], 16) % HUES), _strokes([half + half[1::-1] for half in halves]) or "M2 2h0")


def _mark_element(hue: str, path: str) -> Markup:
    return Markup(
        '<svg class="mark mark-{}" viewBox="-1.5 -1.5 7 7" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    ).format(hue, path)


def _strokes(rows: list[str]) -> str:
    """Return the path of the cells that are 1: a stroke along each row and column of them, a dot where one is alone."""
    across = [(y, run.start(), run.end()) for y, row in enumerate(rows) for run in re.finditer("1+", row)]
    down = [
        (x, run.start(), run.end())
        for x, column in enumerate(zip(*rows, strict=True))
        for run in re.finditer("1+", "".join(column))
    ]
    joined = {(x, y) for x, start, end in down if end - start > 1 for y in range(start, end)}
    return "".join(
        [f"M{start} {y}h{end - start - 1}" for y, start, end in across if end - start > 1 or (start, y) not in joined]
        + [f"M{x} {start}v{end - start - 1}" for x, start, end in down if end - start > 1]
    )
