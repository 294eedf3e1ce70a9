"""Rows of a thread, its branches and its counts, kept true within the transaction of an operation. Commits nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from flask_sqlalchemy.session import Session
from sqlalchemy import bindparam, case, exists, insert, or_, select, update
from sqlalchemy.orm import scoped_session

from ..db import Base, NotWritten
from ..errors import NotFound
from ..keyset import moment_of, moment_text
from ..writing import Run
from .models import Comment, Thread
from .policy import path_below

threads, comments = Base.metadata.tables["threads"], Base.metadata.tables["comments"]


@dataclass(eq=False)
class Root:
    """A comment that replies to none, as it goes to the database: `columns`, and those that depend on its time."""

    thread_key: str
    columns: Mapping[str, Any]
    timed: Callable[[datetime], Mapping[str, Any]]


@dataclass(frozen=True)
class Stored:
    """A comment that is stored; `is_latest` where it is known to be the newest of its thread, and replies to none.

    `row` is the whole of it where that is at hand.
    """

    id: int
    posted: datetime
    is_latest: bool = False
    row: Comment | None = None


_LOCKED_THREAD = (
    select(threads.c.id, threads.c.latest)
    .where(threads.c.key == bindparam("key"), threads.c.closed.is_(None))
    .with_for_update()
)
_INSERTED = (
    "content", "name", "email", "website", "mark", "post_key", "post_key_shifted", "content_html", "renderer",
    "head_html", "look", "thread_id", "posted",
)  # fmt: skip
# Inline: the driver knows the id by itself.
_INSERT = insert(comments).values({name: bindparam(name) for name in _INSERTED}).inline()
_COUNT = (
    update(threads)
    .where(threads.c.id == bindparam("thread"))
    .values(
        comment_count=threads.c.comment_count + bindparam("more"),
        version=threads.c.version + bindparam("more"),
        latest=bindparam("newest"),
    )
)


def add_roots(run: Run, roots: Sequence[Root], now: Callable[[], datetime]) -> list[Stored | None]:
    """Store comments in their threads and count them; return of each where, None where there is no open thread.

    Raises NotWritten where the newest comment of a thread is of a later time than now.
    """
    stored: dict[Root, Stored] = {}
    # In one order, so that no two wait for each other.
    for key, group in groupby(sorted(roots, key=_thread_key), _thread_key):
        found = run(_LOCKED_THREAD, {"key": key}).fetchall()
        if found:
            thread_id, latest = found[0]
            stored.update(_add_roots(run, list(group), thread_id, latest, now))
    return [stored.get(root) for root in roots]


def _thread_key(root: Root) -> str:
    return root.thread_key


def _add_roots(
    run: Run, roots: Sequence[Root], thread_id: int, latest: datetime | str | None, now: Callable[[], datetime]
) -> dict[Root, Stored]:
    stored = {}
    newest = moment_of(latest) if latest else None
    for root in roots:
        # The time is asked for when it is this post's turn to write in the thread, not before it waited for others.
        posted = now()
        if newest is not None and newest >= posted:
            raise NotWritten  # the clock was set back, and the times and keys of posts depend on the newest then
        newest = posted
        values = {**root.columns, **root.timed(posted), "thread_id": thread_id, "posted": moment_text(posted)}
        stored[root] = Stored(run(_INSERT, values).lastrowid, posted, is_latest=True)
    if newest is not None:
        run(_COUNT, {"thread": thread_id, "more": len(roots), "newest": moment_text(newest)})
    return stored


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
