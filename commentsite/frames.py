"""Templates that are rendered once for each situation they are in, with the words that differ filled in later.

A page is mostly the same for all its threads and comments, and to paste a few words takes a hundredth of the time that
a template does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask, current_app, render_template, request
from markupsafe import Markup

NONCE = secrets.token_hex(4)
MOST_FRAMES = 1000


def init_app(app: Flask) -> None:
    """Give `app` room for its frames."""
    app.extensions["commentsite.frames"] = {}


def frame(template: str, fields: Iterable[str], **situation: Any) -> str:
    """Return `template` rendered with `situation`, `%(field)s` where one of `fields` goes.

    The template may paste a field but not ask for it: it sees a mark in its place. What is filled in has to be HTML.
    A situation is one of few, for each of them is kept.
    """
    frames: dict[Any, str] = current_app.extensions["commentsite.frames"]
    key = (template, request.script_root, *sorted(situation.items()))
    if key not in frames:
        if len(frames) >= MOST_FRAMES:  # the prefix of an address may be anything where a proxy is careless
            frames.clear()
        # Letters and digits alone, so that addresses take them as they are; no template or setting has such a one.
        marks = {field: f"zq{NONCE}{field.replace('_', '')}qz" for field in fields}
        shown = {field: Markup(mark) for field, mark in marks.items()}  # noqa: S704 - nobody's text
        made = render_template(template, **shown, **situation).replace("%", "%%")
        for field, mark in marks.items():
            made = made.replace(mark, f"%({field})s")
        frames[key] = made
    return frames[key]


def framed(template: str, fields: Mapping[str, object], **situation: Any) -> str:
    """Return `template` rendered with `situation`, its `fields` filled in."""
    return frame(template, fields, **situation) % fields
