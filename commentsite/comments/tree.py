"""Rows of a thread, its branches and its counts, kept true within the transaction of an operation. Commits nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from flask_sqlalchemy.session import Session
from sqlalchemy import case, exists, or_, select, update
from sqlalchemy.orm import scoped_session

from ..errors import NotFound
from .models import Comment, Thread
from .policy import path_below


def locked_thread(session: scoped_session[Session], key: str) -> Thread:
    """Return the thread, which nobody else writes in until the commit; begin it if it is not there."""
    # Read again even where this session has it: it may have been closed by another since.
    locked = select(Thread).where(Thread.key == key).with_for_update().execution_options(populate_existing=True)
    thread = session.scalar(locked)
    if thread is None:
        thread = Thread(key=key, comment_count=0, version=0, latest=None)
        session.add(thread)
        session.flush()
    return thread


def locked_comment(session: scoped_session[Session], thread_id: int, comment_id: int) -> Comment:
    """Return a comment as it is when nobody else writes in its thread until the commit. Raises NotFound.

    To be called first in a transaction: on MySQL, reads show what was committed before the first of them, and
    that has to come after the wait for the lock.
    """
    session.scalar(select(Thread.id).where(Thread.id == thread_id).with_for_update())
    comment = session.get(Comment, comment_id, populate_existing=True)
    if comment is None or comment.deleted:
        raise NotFound("There is no comment of this number. It may have been deleted.")
    return comment


def put_below(parent: Comment, comment: Comment) -> None:
    """Make `comment`, which has its id, a reply to `parent`. The counts are for the caller to raise."""
    comment.parent_id = parent.id
    comment.root_id = parent.root_id or parent.id
    comment.path = path_below(parent.path, comment.id)


def add(session: scoped_session[Session], comment: Comment, parent: Comment | None) -> None:
    """Store a comment at its place in its thread, as a reply if it has a `parent`, and count it."""
    session.add(comment)
    session.flush()
    if parent is not None:
        put_below(parent, comment)
        count_reply(session, comment, 1)
    count(session, comment.thread_id, 1, latest=comment.posted)


def count_reply(session: scoped_session[Session], comment: Comment, more: int) -> None:
    """Count a reply in, or with -1 out, at the beginning of its branch."""
    session.flush()
    session.execute(
        update(Comment)
        .where(Comment.id == comment.root_id)
        .values(reply_count=Comment.reply_count + more)
        .execution_options(synchronize_session=False)
    )


def count(session: scoped_session[Session], thread_id: int, more: int, *, latest: datetime | None = None) -> None:
    """Count `more` comments in a thread, the newest of them posted at `latest`, and raise its version."""
    values: dict[str, object] = {"comment_count": Thread.comment_count + more, "version": Thread.version + 1}
    if latest is not None:
        is_later = or_(Thread.latest.is_(None), Thread.latest < latest)
        values["latest"] = case((is_later, latest), else_=Thread.latest)
    session.execute(
        update(Thread).where(Thread.id == thread_id).values(values).execution_options(synchronize_session=False)
    )


def uncount(session: scoped_session[Session], thread_id: int) -> None:
    """Count a comment out that was deleted, find the thread's newest again, and raise its version."""
    newest = (
        select(Comment.posted)
        .with_hint(Comment, "FORCE INDEX (ix_comments_thread_id_posted_id)", "mysql")
        .where(Comment.thread_id == thread_id, Comment.deleted.is_(None))
        .order_by(Comment.posted.desc(), Comment.id.desc())
        .limit(1)
    )
    session.execute(
        update(Thread)
        .where(Thread.id == thread_id)
        .values(comment_count=Thread.comment_count - 1, version=Thread.version + 1, latest=session.scalar(newest))
        .execution_options(synchronize_session=False)
    )


def raise_versions(session: scoped_session[Session], thread_ids: Collection[int]) -> None:
    """Say of threads that something in them has changed."""
    for thread_id in sorted(thread_ids):  # in one order, so that no two wait for each other
        count(session, thread_id, 0)


def has_replies(session: scoped_session[Session], comment_id: int) -> bool:
    """Say whether any row replies to the comment."""
    return bool(session.scalar(select(exists().where(Comment.parent_id == comment_id))))


def empty(comment: Comment, now: datetime) -> None:
    """Take from a comment all that its writer gave; the row stays for its replies. Its revision goes up."""
    comment.revision += 1
    comment.deleted = now
    comment.content = comment.content_html = comment.renderer = None
    comment.name = comment.email = comment.website = comment.mark = None
    comment.post_key = comment.post_key_shifted = None


def remove(session: scoped_session[Session], comment: Comment) -> None:
    """Delete the row of a comment without replies, and of the deleted ones above it that are left without any."""
    while True:
        parent_id = comment.parent_id
        session.delete(comment)
        if parent_id is None:
            session.flush()
            return
        count_reply(session, comment, -1)
        parent = session.get_one(Comment, parent_id, populate_existing=True)
        if not parent.deleted or has_replies(session, parent_id):
            return
        comment = parent
