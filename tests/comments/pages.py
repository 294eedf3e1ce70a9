"""What the tests of pages do on them, and what they look for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from commentsite import reading, writing
from commentsite.db import db

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

FORM = "application/x-www-form-urlencoded"
# What a browser says with a form of the site's own page.
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


def post(client: FlaskClient, content: str = "Hello", path: str = "/", **fields: str) -> TestResponse:
    """Post a comment as the page's form does, which sends every field."""
    sent = {"content": content, "name": "", "email": "", "website": "", **fields}
    return client.post(path, data=sent, headers=OWN_PAGE)


def edit(client: FlaskClient, number: int, content: str, revision: int | str = 1, **fields: str) -> TestResponse:
    """Change a comment as its form does."""
    sent = {"content": content, "revision": str(revision), **fields}
    return client.post(f"/comments/{number}/edit", data=sent, headers=OWN_PAGE)


def delete(client: FlaskClient, number: int) -> TestResponse:
    return client.post(f"/comments/{number}/delete", headers=OWN_PAGE)


def shown_ids(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<article id="comment-(\d+)"', page)]


def article(page: str, number: int) -> str:
    """Return the HTML of one comment on a page."""
    found = re.search(rf'<article id="comment-{number}".*?</article>', page, re.DOTALL)
    assert found, f"no comment {number} here"
    return found[0]


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'<a rel="{rel}" href="([^"]+)"', page)
    return unescape(found[1]) if found else None


def link_named(page: str, text: str) -> str:
    """Return the address of the link whose text begins with `text`."""
    found = re.search(rf'<a [^>]*href="([^"]+)"[^>]*>{re.escape(text)}', page)
    assert found, f"no link {text!r} here"
    return unescape(found[1])


def typed(page: str) -> str:
    """Return what stands in the textarea, as a browser reads it: without the line break right after the tag."""
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found
    return unescape(found[1])


def field(page: str, name: str) -> str:
    """Return what stands in the field of one line, or the hidden one, called `name`."""
    found = re.search(rf'<input [^>]*name="{name}"[^>]*>', page)
    assert found, f"no field {name!r} here"
    value = re.search(r' value="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""


def stored(client: FlaskClient) -> int:
    return len(shown_ids(client.get("/").text))


def text_of(page: str) -> str:
    """Return a page without its tags, blanks single."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that reach the database, but not what begins a transaction."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    def note_statement(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        return False

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    for logger in (reading.logger, writing.logger):
        logger.addFilter(note_statement)
        logger.setLevel(logging.DEBUG)
    yield seen
    for logger in (reading.logger, writing.logger):
        logger.setLevel(logging.NOTSET)
        logger.removeFilter(note_statement)
    event.remove(engine, "before_cursor_execute", note)
