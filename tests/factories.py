"""Comments for tests, their counts true."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import insert, select, update

from commentsite.comments import queries, tree
from commentsite.comments.models import Comment, Thread
from commentsite.comments.policy import path_below
from commentsite.db import db

MOMENT = datetime(2017, 7, 7, 18, 47, tzinfo=timezone.utc)


def make_comment(
    content: str | None = "Hello",
    posted: datetime = MOMENT,
    *,
    thread: str = "/",
    parent: Comment | None = None,
    **columns: Any,
) -> Comment:
    """Store a comment, as a reply if it has a parent, and return it. Commits."""
    thread_id = tree.locked_thread(db.session, thread).id
    comment = Comment(content=content, posted=posted, thread_id=thread_id, **columns)
    tree.add(db.session, comment, parent)
    db.session.commit()
    return comment


def make_comments(
    count: int, *, first: datetime = MOMENT, apart: timedelta = timedelta(minutes=1), thread: str = "/"
) -> list[int]:
    """Store `count` comments "comment 1" and so on, `apart` from each other, and return their ids. Commits."""
    if not count:
        return []
    thread_id = tree.locked_thread(db.session, thread).id
    first_id = queries.highest_id() + 1
    rows = [
        {"id": first_id + n, "content": f"comment {n + 1}", "posted": first + n * apart, "thread_id": thread_id}
        for n in range(count)
    ]
    db.session.execute(insert(Comment), rows)
    tree.count(db.session, thread_id, count, latest=rows[-1]["posted"])  # type: ignore[arg-type]
    db.session.commit()
    return [first_id + n for n in range(count)]


def make_replies(root: Comment, parents: Sequence[int], *, apart: timedelta = timedelta(seconds=1)) -> list[int]:
    """Store replies below `root` and return their ids. Commits.

    Each replies to the one at a place among them, or with -1 to `root`: `range(-1, 9)` is a chain of ten,
    `[-1] * 10` a fan.
    """
    first_id = queries.highest_id() + 1
    paths: list[str] = []
    for n, parent in enumerate(parents):
        paths.append(path_below(paths[parent] if parent >= 0 else root.path, first_id + n))
    rows = [
        {
            "id": first_id + n,
            "content": f"reply {n + 1}",
            "posted": root.posted + (n + 1) * apart,
            "thread_id": root.thread_id,
            "parent_id": first_id + parent if parent >= 0 else root.id,
            "root_id": root.root_id or root.id,
            "path": paths[n],
        }
        for n, parent in enumerate(parents)
    ]
    db.session.execute(insert(Comment), rows)
    counted = update(Comment).where(Comment.id == (root.root_id or root.id))
    db.session.execute(counted.values(reply_count=Comment.reply_count + len(rows)))
    tree.count(db.session, root.thread_id, len(rows), latest=rows[-1]["posted"])  # type: ignore[arg-type]
    db.session.commit()
    return [first_id + n for n in range(len(rows))]


def the_comment(number: int) -> Comment:
    """Return a comment as the database has it now."""
    return db.session.get_one(Comment, number, populate_existing=True)


def the_thread(key: str = "/") -> Thread:
    """Return a thread as the database has it now."""
    db.session.rollback()
    return db.session.scalars(select(Thread).where(Thread.key == key)).one()
