"""Writes of threads and comments: one verb, one transaction, one commit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flask_sqlalchemy.session import Session
from sqlalchemy import case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import scoped_session

from ..clock import utc_now
from ..db import in_transaction
from .forms import CommentDraft
from .models import FIRST_THREAD_KEY, Comment, Thread
from .policy import post_keys
from .queries import comment_by_post_keys


def post_comment(draft: CommentDraft, *, thread_key: str, sender: str, secret: str) -> Comment:
    """Store `draft` in the thread of `thread_key`, which begins with it if need be; return the comment. Commits.

    The same text from the same `sender` within policy.DOUBLE_POST_MINUTES is the same post come twice:
    the comment that is already there is returned and nothing is stored.
    """
    keys = post_keys(secret, sender, thread_key, draft.content, utc_now())

    def store(session: scoped_session[Session]) -> Comment:
        thread_id = _locked_thread(session, thread_key)
        # The time is asked for when it is this post's turn to write in the thread, not before it waited for others.
        posted = utc_now()
        comment = Comment(
            content=draft.content, posted=posted, thread_id=thread_id, post_key=keys[0], post_key_shifted=keys[1]
        )
        session.add(comment)
        session.flush()
        _count_comments(session, thread_id, 1, posted)
        return comment

    try:
        return in_transaction(store)
    except IntegrityError:
        # This post was here before, or the thread was begun by another post at the same time.
        return comment_by_post_keys(*keys) or in_transaction(store)


def add_comments(rows: Iterable[tuple[str, datetime]], *, thread_key: str = FIRST_THREAD_KEY) -> None:
    """Store comments that were not posted here, each a text and its moment, in one transaction. Commits."""
    rows = list(rows)

    def store(session: scoped_session[Session]) -> None:
        thread_id = _locked_thread(session, thread_key)
        values = [{"content": content, "posted": posted, "thread_id": thread_id} for content, posted in rows]
        session.execute(insert(Comment), values)
        _count_comments(session, thread_id, len(rows), max(posted for _, posted in rows))

    in_transaction(store)


def _locked_thread(session: scoped_session[Session], key: str) -> int:
    """Return the id of the thread, which nobody else writes in until the commit; begin it if it is not there."""
    thread_id = session.scalar(select(Thread.id).where(Thread.key == key).with_for_update())
    if thread_id is None:
        thread = Thread(key=key, comment_count=0, version=0, latest=None)
        session.add(thread)
        session.flush()
        thread_id = thread.id
    return thread_id


def _count_comments(session: scoped_session[Session], thread_id: int, count: int, latest: datetime) -> None:
    is_later = or_(Thread.latest.is_(None), Thread.latest < latest)
    session.execute(
        update(Thread)
        .where(Thread.id == thread_id)
        .values(
            comment_count=Thread.comment_count + count,
            version=Thread.version + 1,
            latest=case((is_later, latest), else_=Thread.latest),
        )
        .execution_options(synchronize_session=False)
    )
