"""Text of comments made into HTML, and their times into words."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup, escape

from ..clock import format_timestamp, zone_label
from ..errors import LINE_BREAK


def paragraphs_html(text: str) -> Markup:
    """Return plain `text` as escaped paragraphs: blank lines part them, line breaks stay."""
    lines = LINE_BREAK.sub("\n", text)  # the tutorial's code stored them as browsers send them
    paragraphs = re.split(r"\n(?:[^\S\n]*\n)+", lines.strip("\n"))
    break_html = Markup("<br>")
    return Markup("\n").join(
        Markup('<p dir="auto">{}</p>').format(break_html.join(map(escape, paragraph.split("\n"))))
        for paragraph in paragraphs
    )


def time_html(moment: datetime) -> Markup:
    """Return the `time` element of a moment in the site's zone, and the zone's name unless the pattern writes it."""
    zone = ZoneInfo(current_app.config["TIMEZONE"])
    pattern = current_app.config["TIMESTAMP_FORMAT"]
    element = Markup('<time datetime="{}">{}</time>').format(
        moment.astimezone(timezone.utc).isoformat(timespec="seconds"), format_timestamp(moment, zone, pattern)
    )
    if re.search(r"%[-_0^#]?[zZ]", pattern.replace("%%", "")):
        return element
    return element + Markup(' <span class="zone">{}</span>').format(zone_label(moment, zone))
