"""Comments as HTML, pasted together of what is stored with each and frames that a template makes once.

A page shows fifty comments or more, and a template takes longer for each than the database does for all. So the part
above the text is made when a comment is written and stored with it, as its text is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask, current_app, render_template, url_for
from markupsafe import Markup, escape

from ..frames import frame, framed
from ..keyset import cursor
from . import queries
from .markup import paragraphs_html
from .models import LOOK_CHARS, Comment
from .queries import Shown

HEAD_TEMPLATE = "comments/_head.html"
ARTICLE_TEMPLATE = "comments/_article.html"
# In a stored head: where the link of the comment opens, and where the name follows by itself. No text of a comment
# has these characters.
LINK, NAME = "\x1f", "\x1e"
DELETED = "a deleted comment"
NO_TEXT = '<p class="no-text">This comment has no text.</p>'

FIELDS = ("id", "level", "head", "text", "name", "parent_id", "parent_name")
PLAIN = dict.fromkeys(("is_deleted", "is_own", "is_reply", "is_apart", "is_elsewhere", "has_parent"), False)


@dataclass(frozen=True)
class Reply:
    """A reply on a page: how far it is indented, and the comment it replies to.

    `is_elsewhere` says that this one is on another page; `is_apart`, that the reply does not stand indented below it.
    """

    comment: Shown
    level: int
    parent: Shown | None
    is_elsewhere: bool
    is_apart: bool


@dataclass(frozen=True)
class Replies:
    """Some replies below a comment, in the order of their branch.

    `earlier` and `rest` are the paths before and after which there are more, None where there are none;
    `rest_count` is how many come after those shown on a page that begins with the first.
    """

    shown: Sequence[Reply]
    earlier: str | None = None
    rest: str | None = None
    rest_count: int = 0


def init_app(app: Flask) -> None:
    """Work out the look of `app`: another one where heads would be made otherwise."""
    here = Path(__file__).parent
    made_by = here / "templates" / HEAD_TEMPLATE, here / "markup.py"
    parts = *(path.read_text("utf-8") for path in made_by), app.config["TIMEZONE"], app.config["TIMESTAMP_FORMAT"]
    app.extensions["commentsite.look"] = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:LOOK_CHARS]


def look() -> str:
    """Return the look that heads are made in now."""
    made: str = current_app.extensions["commentsite.look"]
    return made


def head_html(comment: Comment) -> str:
    """Return what is stored of the part above the text of `comment`."""
    name = f"<bdi>{escape(comment.name)}</bdi>" if comment.name else "Anonymous"
    marks = {"link": Markup(LINK), "name": Markup(name)}  # noqa: S704 - escaped above
    return render_template(HEAD_TEMPLATE, comment=comment, **marks) + NAME + name


def name_html(shown: Shown) -> Markup:
    """Return the name of a comment's writer."""
    return Markup(DELETED if shown.is_deleted else (shown.head_html or "").partition(NAME)[2])  # noqa: S704


def completed(rows: Sequence[Shown]) -> Sequence[Shown]:
    """Return `rows` with HTML made for those that have none of the present look. It is not stored: this only reads."""
    stale = [row.id for row in rows if row.head_html is None or (row.content_html is None and not row.is_deleted)]
    if not stale:
        return rows
    comments = queries.sources_of(stale)
    return [_completed(row, comments.get(row.id)) if row.id in stale else row for row in rows]


def _completed(row: Shown, comment: Comment | None) -> Shown:
    if comment is None:  # it was deleted after the rows were read
        return row._replace(head_html="", content_html=NO_TEXT)
    text = comment.content_html or (paragraphs_html(comment.content) if comment.content else NO_TEXT)
    return row._replace(head_html=head_html(comment), content_html=text)


@dataclass(frozen=True)
class Surroundings:
    """What all articles of a page have in common.

    `order` is kept in their links, `own` holds the claims of the comments that this visitor may change, by id.
    """

    order: str | None = None
    own: Mapping[int, str] = field(default_factory=dict)
    is_open: bool = True

    @cached_property
    def link(self) -> tuple[str, str]:
        """What stands before and after the id in the tag that opens the link to a comment."""
        begin, end = url_for("comments.comment", text="zqidqz", order=self.order).split("zqidqz")
        return f'<a href="{escape(begin)}', f'{escape(end)}">'


def articles_html(roots: Sequence[Shown], below: Mapping[int, Replies], surroundings: Surroundings) -> Markup:
    """Return comments, each with the replies `below` it."""
    order, own = surroundings.order, surroundings.own
    plain = frame(ARTICLE_TEMPLATE, FIELDS, order=order, is_open=surroundings.is_open, **PLAIN)
    begin, end = surroundings.link
    made: list[str] = []
    for root in roots:
        if root.is_deleted or root.id in own:
            made.append(_article(root, None, surroundings))
        else:  # the most of all pages, without a call of ours
            head, _, name = (root.head_html or "").partition(NAME)
            head = head.replace(LINK, f"{begin}{root.id}{end}")
            made.append(plain % {"id": root.id, "level": 0, "head": head, "text": root.content_html, "name": name})
        if root.id in below:
            made += [_article(reply.comment, reply, surroundings) for reply in below[root.id].shown]
            if below[root.id].rest_count:
                made.append(render_template("comments/_more.html", root=root, replies=below[root.id], order=order))
    return Markup("\n".join(made))  # noqa: S704 - HTML is what it is made of


def article_html(shown: Shown, reply: Reply | None = None, **surroundings: Any) -> Markup:
    """Return one comment, which is a `reply` on this page or replies to none; `surroundings` as for Surroundings."""
    return Markup(_article(shown, reply, Surroundings(**surroundings)))  # noqa: S704 - HTML is what it is made of


def _article(shown: Shown, reply: Reply | None, surroundings: Surroundings) -> str:
    order, own, is_open = surroundings.order, surroundings.own, surroundings.is_open
    parent = reply.parent if reply else None
    begin, end = surroundings.link
    head, _, name = (shown.head_html or "").partition(NAME)
    fields = {
        "id": shown.id,
        "level": reply.level if reply else 0,
        "head": head.replace(LINK, f"{begin}{shown.id}{end}"),
        "text": shown.content_html,
        "name": name,
        "parent_id": parent.id if parent else "",
        "parent_name": name_html(parent) if parent else DELETED,
    }
    situation = {
        "is_deleted": bool(shown.is_deleted),
        "is_own": shown.id in own and own[shown.id] == cursor(queries.ROOTS.position(shown)),
        "is_reply": reply is not None,
        "is_apart": reply is not None and reply.is_apart,
        "is_elsewhere": reply is not None and reply.is_elsewhere,
        "has_parent": parent is not None,
    }
    return framed(ARTICLE_TEMPLATE, fields, order=order, is_open=is_open, **situation)
