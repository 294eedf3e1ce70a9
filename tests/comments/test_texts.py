"""Published texts, made to break programs or to run in somebody's page, through post, page, edit and preview."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from commentsite.comments.forms import comment_draft
from commentsite.comments.models import Comment
from commentsite.comments.operations import Addition, add_comments
from commentsite.comments.policy import plain_name
from commentsite.db import db
from commentsite.errors import UNPRINTABLE, InvalidInput
from tests.factories import MOMENT
from tests.texts import hostile_strings, naughty_strings, spec_examples

from .pages import edit, field, link, post, typed

TAGS = set(
    re.findall(
        r"\w+",
        """html head meta title link script body header footer main nav section h1 h2 p a div span article svg path time
        bdi form input textarea label details summary button br blockquote code em hr li ol ul pre strong""",
    )
)
ADDRESS = re.compile(r"(?i)https?://|mailto:|[/#?](?!/)|\?|$")
BREAKS = re.compile("\r\n?")


class PageReader(HTMLParser):
    """Reads a page and collects in `faults` what the site never writes."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in TAGS or (tag == "script" and not str(given.get("src")).startswith("/static/site.js?v=")):
            self.faults.append(f"<{tag} {given}>")
        for name, value in attrs:
            is_address = name in ("href", "src", "action")
            if name.startswith("on") or name in ("style", "srcdoc", "formaction", "srcset") or "<" in name:
                self.faults.append(f"<{tag} {name}>")
            if is_address and not ADDRESS.match(value or ""):
                self.faults.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and data.strip():
            self.faults.append(f"<script>{data}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"<!--{data}-->")


def faults(page: str) -> list[str]:
    reader = PageReader()
    reader.feed(page)
    reader.close()
    return reader.faults


def takes(text: str) -> bool:
    """Say whether a form would take the text as a comment."""
    try:
        return bool(comment_draft({"content": text}))
    except InvalidInput:
        return False


def published() -> list[str]:
    """Return the texts that can be comments, line breaks one way."""
    return [
        BREAKS.sub("\n", text) for text in (*spec_examples(), *naughty_strings(), *hostile_strings()) if takes(text)
    ]


def sample(texts: list[str], count: int) -> Iterable[str]:
    return texts[:: len(texts) // count]


def typed_ones() -> list[str]:
    """Return those of the specification and the naughty ones, and a share of the others, which look more alike."""
    kinds = (spec_examples(), naughty_strings(), sample(hostile_strings(), 200))
    return list(dict.fromkeys(BREAKS.sub("\n", text) for texts in kinds for text in texts if takes(text)))


def test_published_texts_are_kept_and_do_no_harm_on_any_page(app: Flask, client: FlaskClient) -> None:
    texts = published()
    additions = [Addition(text, MOMENT, name=(plain_name(text) or "")[:80]) for text in texts]
    with app.app_context():
        for start in range(0, len(texts), 500):
            add_comments(additions[start : start + 500])
        assert db.session.scalars(select(Comment.content).order_by(Comment.id)).all() == texts
    address: str | None = "/"
    while address:
        page = client.get(address).text
        assert faults(page) == []
        address = link(page, "next")


def test_published_texts_come_through_the_form(client: FlaskClient) -> None:
    for n, text in enumerate(typed_ones()):
        assert post(client, text, name=text[:80], parent="").status_code in (303, 422)
        assert post(client, f"{text}\n{n}").status_code == 303
    assert faults(client.get("/").text) == []


def test_published_texts_come_through_edits_and_previews(client: FlaskClient) -> None:
    post(client, "first")
    for revision, text in enumerate(typed_ones(), 1):
        for page in (post(client, text, preview="yes").text, edit(client, 1, text, revision, preview="yes").text):
            assert faults(page) == []
            assert BREAKS.sub("\n", typed(page)) == text
        assert edit(client, 1, text, revision).status_code == 303
        page = client.get("/comments/1/edit").text
        assert faults(page) == []
        assert typed(page) == text
    assert faults(client.get("/").text) == []


@pytest.mark.parametrize("name", ["name", "email", "website", "parent", "revision", "content"])
def test_published_texts_come_back_from_a_refused_form(client: FlaskClient, name: str) -> None:
    post(client, "first")
    for text in sample(hostile_strings(), 40):
        sent = {"content": " ", "name": "x" * 99, "parent": "", **({name: text} if name != "content" else {})}
        if name == "content":
            sent["content"] = text + "x" * 4096
        page = post(client, **sent).text
        assert faults(page) == []
        if name in ("email", "website"):
            assert field(page, name) == UNPRINTABLE.sub("", BREAKS.sub("\n", text))
        assert faults(edit(client, 1, sent["content"], sent.get("revision", "x")).text) == []


def test_published_texts_as_keys_and_queries_do_no_harm(client: FlaskClient) -> None:
    for text in sample(hostile_strings(), 60):
        path = re.sub(r"[?#]", "", text)[:400]
        for answer in (
            client.get("/", query_string={"before": text, "order": text}),
            client.get("/", query_string={text: text}),
            client.get("/comments/" + path.replace("/", "")),
            client.post(f"/threads/x{path}", data={"content": text[:4000]}, follow_redirects=True),
        ):
            assert answer.status_code < 500
            assert faults(answer.text) == []
