"""Reads of comments. Their one order is by time and then by id, so that equal times keep one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import aliased

from ..db import db
from ..errors import NotFound
from .models import Comment

PAGE_SIZE = 50


@dataclass(frozen=True)
class Position:
    """A place in the order of comments, with or without a comment standing there."""

    posted: datetime
    id: int

    @classmethod
    def of(cls, comment: Comment) -> Position:
        return cls(comment.posted, comment.id)


@dataclass(frozen=True)
class CommentPage:
    """Comments, newest first; where the next older and newer pages begin, None where there are none."""

    comments: Sequence[Comment]
    older: Position | None
    newer: Position | None


def newest_page() -> CommentPage:
    """Return the newest PAGE_SIZE comments."""
    found = db.session.scalars(_newest_first(_hinted()).limit(PAGE_SIZE + 1)).all()
    return CommentPage(found[:PAGE_SIZE], older=_next_position(found), newer=None)


def page_before(position: Position) -> CommentPage:
    """Return the PAGE_SIZE comments next older than `position`."""
    found = comments_beside(position, limit=PAGE_SIZE + 1, newer=False)
    shown = found[:PAGE_SIZE]
    return CommentPage(shown, older=_next_position(found), newer=Position.of(shown[0]) if shown else position)


def page_after(position: Position) -> CommentPage:
    """Return the PAGE_SIZE comments next newer than `position`; the newest page where there are not so many."""
    found = comments_beside(position, limit=PAGE_SIZE + 1, newer=True)
    if len(found) <= PAGE_SIZE:
        return newest_page()
    shown = list(reversed(found[:PAGE_SIZE]))
    return CommentPage(shown, older=Position.of(shown[-1]), newer=Position.of(shown[0]))


def comments_beside(position: Position, *, limit: int, newer: bool) -> Sequence[Comment]:
    """Return the comments nearest to `position` on one side, nearest first.

    One statement of two bounded reads of the index, those of the same moment and those beyond. As one
    condition with OR, SQLite walks every row of the same moment; without the hint MariaDB does.
    """
    same = _hinted().where(Comment.posted == position.posted)
    if newer:
        same = _oldest_first(same.where(Comment.id > position.id))
        beyond = _oldest_first(_hinted().where(Comment.posted > position.posted))
    else:
        same = _newest_first(same.where(Comment.id < position.id))
        beyond = _newest_first(_hinted().where(Comment.posted < position.posted))
    both = union_all(
        select(same.limit(limit).subquery("same")), select(beyond.limit(limit).subquery("beyond"))
    ).subquery("beside")
    found = aliased(Comment, both)
    order = (found.posted, found.id) if newer else (found.posted.desc(), found.id.desc())
    return db.session.scalars(select(found).order_by(*order).limit(limit)).all()


def comment_by_id(comment_id: int) -> Comment:
    """Return a comment. Raises NotFound."""
    comment = db.session.get(Comment, comment_id)
    if comment is None:
        raise NotFound("There is no comment of this number. It may have been taken down.")
    return comment


def comment_by_post_keys(post_key: str, post_key_shifted: str) -> Comment | None:
    """Return the comment that one of the keys belongs to."""
    for column, key in ((Comment.post_key, post_key), (Comment.post_key_shifted, post_key_shifted)):
        comment = db.session.scalar(select(Comment).where(column == key))
        if comment is not None:
            return comment
    return None


def _next_position(found: Sequence[Comment]) -> Position | None:
    """Return where the next page begins, if the one comment more that was asked for is there."""
    return Position.of(found[PAGE_SIZE - 1]) if len(found) > PAGE_SIZE else None


def _hinted() -> Select[Any]:
    # MariaDB 10.11 would rather walk from the beginning of the order than jump into its middle.
    return select(Comment).with_hint(Comment, "FORCE INDEX (ix_comments_posted_id)", "mysql")


def _newest_first(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(Comment.posted.desc(), Comment.id.desc())


def _oldest_first(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(Comment.posted, Comment.id)
