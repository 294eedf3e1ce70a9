"""Templates that are rendered once for each situation they are in, with the words that differ filled in later.

A page is mostly the same for all its threads and comments, and to paste a few words takes a hundredth of the time that
a template does.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from operator import itemgetter
from typing import Any

from flask import Flask, current_app, g, has_request_context, render_template, request
from markupsafe import Markup

NONCE = secrets.token_hex(4)
MOST_FRAMES = 1000


class Frame:
    """HTML that is cut at the `marks` of its fields."""

    def __init__(self, html: str, marks: Sequence[str]) -> None:
        # What is between the cuts, and at every second place the mark of a field.
        self._pieces = re.split(f"({'|'.join(marks)})", html)
        order = [marks.index(mark) for mark in self._pieces[1::2]]
        self._ordered: Callable[[Sequence[str]], Iterable[str]] = (
            itemgetter(*order) if len(order) > 1 else lambda values: [values[place] for place in order]
        )

    def pieces(self, *values: str) -> list[str]:
        """Return the HTML with `values` for the fields, in their order; in pieces, for who joins many at once."""
        pieces = self._pieces.copy()
        pieces[1::2] = self._ordered(values)
        return pieces

    def filled(self, *values: str) -> str:
        """Return the HTML with `values` for the fields, in their order."""
        return "".join(self.pieces(*values))


def init_app(app: Flask) -> None:
    """Give `app` room for its frames."""
    app.extensions["commentsite.frames"] = {}


def frame(template: str, fields: Sequence[str], **situation: Any) -> Frame:
    """Return `template` rendered with `situation`, to be filled in where one of `fields` goes.

    The template may paste a field but not ask for it: it sees a mark in its place. What is filled in has to be HTML.
    A situation is one of few, for each of them is kept. Outside of a request `g.environ` is what one would be made of.
    """
    frames: dict[Any, Frame] = current_app.extensions["commentsite.frames"]
    is_asked = has_request_context()
    # As Request.script_root has it.
    prefix = request.script_root if is_asked else g.environ.get("SCRIPT_NAME", "").rstrip("/")
    key = (template, prefix, *situation.items())
    made = frames.get(key)
    if made is None:
        if len(frames) >= MOST_FRAMES:  # the prefix of an address may be anything where a proxy is careless
            frames.clear()
        # Letters and digits alone, so that addresses take them as they are; no template or setting has such a one.
        marks = {field: f"zq{NONCE}{field.replace('_', '')}qz" for field in fields}
        shown = {field: Markup(mark) for field, mark in marks.items()}  # noqa: S704 - nobody's text
        with nullcontext() if is_asked else current_app.request_context(g.environ):
            html = render_template(template, **shown, **situation)
        made = frames[key] = Frame(html, list(marks.values()))
    return made


def framed(template: str, fields: Mapping[str, str], **situation: Any) -> str:
    """Return `template` rendered with `situation`, its `fields` filled in."""
    return frame(template, list(fields), **situation).filled(*fields.values())
