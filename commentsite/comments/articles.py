"""Comments as HTML, pasted together of what is stored with each and frames that a template makes once.

A page shows fifty comments or more, and a template takes longer for each than the database does for all. So the part
above the text is made when a comment is written and stored with it, as its text is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from markupsafe import Markup, escape

from ..frames import Frame, frame, framed
from ..keyset import cursor
from . import queries
from .markup import paragraphs_html
from .models import LOOK_CHARS, Comment
from .queries import Shown

HEAD_TEMPLATE = "comments/_head.html"
ARTICLE_TEMPLATE = "comments/_article.html"
LINK_TEMPLATE = "comments/_link.html"
MORE_TEMPLATE = "comments/_more.html"
# In a stored head: where the link of the comment opens, and where the name follows by itself. No text of a comment
# has these characters.
LINK, NAME = "\x1f", "\x1e"
DELETED = "a deleted comment"
NO_TEXT = '<p class="no-text">This comment has no text.</p>'

FIELDS = ("id", "level", "head", "text", "name", "parent_id", "parent_name")
SITUATION = ("is_deleted", "is_own", "is_reply", "is_apart", "is_elsewhere", "has_parent")


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
    environment = current_app.jinja_env
    known = {**environment.globals, "comment": comment, **marks}
    # Not by render_template, which hands every template what none but a page has a use for, nor by render, which
    # gathers the globals by a slower way: each post waits for this.
    return str(environment.get_template(HEAD_TEMPLATE).make_module(known, shared=True)) + NAME + name


def time_shown(moment: datetime) -> datetime:
    """Return as much of a moment as a head shows of it: heads of two of which this is the same are the same."""
    return moment if "%f" in current_app.config["TIMESTAMP_FORMAT"] else moment.replace(microsecond=0)


def name_html(shown: Shown) -> Markup:
    """Return the name of a comment's writer."""
    return Markup(DELETED if shown.is_deleted else (shown.head_html or "").partition(NAME)[2])  # noqa: S704


def completed(rows: Sequence[Shown]) -> Sequence[Shown]:
    """Return `rows` with HTML made for those that have none of the present look. It is not stored: this only reads."""
    stale = [row.id for row in rows if not row.head_html or not (row.content_html or row.is_deleted)]
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
        begin, _, end = frame(LINK_TEMPLATE, ["id"], order=self.order).pieces("")
        return begin, end

    @cached_property
    def plain(self) -> Frame:
        """The frame of a comment of another writer that replies to none."""
        return self.frame(*(False for _ in SITUATION))

    def frame(self, *situation: bool) -> Frame:
        """Return the frame of a comment in a situation."""
        known = dict(zip(SITUATION, situation, strict=True))
        return frame(ARTICLE_TEMPLATE, FIELDS, order=self.order, is_open=self.is_open, **known)


def articles_html(roots: Sequence[Shown], below: Mapping[int, Replies], surroundings: Surroundings) -> str:
    """Return comments as HTML, each with the replies `below` it."""
    own, pieces = surroundings.own, surroundings.plain.pieces
    begin, end = surroundings.link
    made: list[str] = []
    for root in roots:
        number, is_deleted, head, text = root.id, root.is_deleted, root.head_html, root.content_html
        if is_deleted or number in own:
            made += _article(root, None, surroundings)
        else:  # the most of all pages, without a call of ours
            before_link, _, rest = (head or "").partition(LINK)
            after_link, _, name = rest.partition(NAME)
            id_ = str(number)
            made += pieces(id_, "0", f"{before_link}{begin}{id_}{end}{after_link}", text or "", name, "", "")
        made.append("\n")
        if number in below:
            made += _below(root, below[number], surroundings)
    return "".join(made)


def _below(root: Shown, replies: Replies, surroundings: Surroundings) -> list[str]:
    made: list[str] = []
    for reply in replies.shown:
        made += _article(reply.comment, reply, surroundings)
        made.append("\n")
    if replies.rest_count:
        fields = {"root_id": str(root.id), "rest": replies.rest or "", "count": str(replies.rest_count)}
        is_one = replies.rest_count == 1
        made.append(framed(MORE_TEMPLATE, fields, order=surroundings.order, is_one=is_one) + "\n")
    return made


def article_html(shown: Shown, reply: Reply | None = None, **surroundings: Any) -> Markup:
    """Return one comment, which is a `reply` on this page or replies to none; `surroundings` as for Surroundings."""
    return Markup("".join(_article(shown, reply, Surroundings(**surroundings))))  # noqa: S704 - HTML is what it is made of


def _article(shown: Shown, reply: Reply | None, surroundings: Surroundings) -> list[str]:
    own = surroundings.own
    parent = reply.parent if reply else None
    begin, end = surroundings.link
    head, _, name = (shown.head_html or "").partition(NAME)
    is_own = shown.id in own and own[shown.id] == cursor(queries.ROOTS.position(shown))
    if reply:
        situation = (bool(shown.is_deleted), is_own, True, reply.is_apart, reply.is_elsewhere, parent is not None)
    else:
        situation = (bool(shown.is_deleted), is_own, False, False, False, False)
    return surroundings.frame(*situation).pieces(
        str(shown.id),
        str(reply.level) if reply else "0",
        head.replace(LINK, f"{begin}{shown.id}{end}"),
        shown.content_html or "",
        name,
        str(parent.id) if parent else "",
        name_html(parent) if parent else DELETED,
    )
