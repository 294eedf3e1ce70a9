"""Reads of threads and comments. The one order of each is by time and then by id."""

from __future__ import annotations

from sqlalchemy import select

from ..db import db
from ..errors import NotFound
from ..keyset import Listing
from .models import Comment, Thread


def comments_in(thread_key: str) -> Listing[Comment]:
    """Return the comments of a thread; none where nobody has written in it yet."""
    return comments_of(select(Thread.id).where(Thread.key == thread_key).scalar_subquery())


def comments_of(thread_id: object) -> Listing[Comment]:
    """Return the comments of the thread with an id."""
    # MariaDB 10.11 would rather walk from the beginning of the order than jump into its middle.
    hinted = select(Comment).with_hint(Comment, "FORCE INDEX (ix_comments_thread_id_posted_id)", "mysql")
    return Listing(Comment, hinted.where(Comment.thread_id == thread_id), Comment.posted, Comment.id)


def threads() -> Listing[Thread]:
    """Return the threads that hold comments, by their latest."""
    hinted = select(Thread).with_hint(Thread, "FORCE INDEX (ix_threads_latest_id)", "mysql")
    return Listing(Thread, hinted.where(Thread.latest.is_not(None)), Thread.latest, Thread.id)


def comment_by_id(comment_id: int) -> Comment:
    """Return a comment. Raises NotFound."""
    comment = db.session.get(Comment, comment_id)
    if comment is None:
        raise NotFound("There is no comment of this number. It may have been taken down.")
    return comment


def thread_of(comment: Comment) -> Thread:
    """Return the thread a comment stands in."""
    return db.session.get_one(Thread, comment.thread_id)


def comment_by_post_keys(post_key: str, post_key_shifted: str) -> Comment | None:
    """Return the comment that one of the keys belongs to."""
    for column, key in ((Comment.post_key, post_key), (Comment.post_key_shifted, post_key_shifted)):
        comment = db.session.scalar(select(Comment).where(column == key))
        if comment is not None:
            return comment
    return None
