"""Reads of a whole site as it was at one moment, and of what a site has already of a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection

from ..comments.models import Comment, CommentVersion, Thread
from ..db import db, migration_engine
from ..errors import Conflict
from . import format as lines
from .policy import Here

BATCH_ROWS = 1000


class NoThread(Conflict):
    """A row of the site belongs to nothing."""

    title = "Not exported"


class Counts(NamedTuple):
    """How many there are."""

    threads: int
    comments: int
    versions: int


class Place(NamedTuple):
    """Where a comment stands in its branch."""

    root_id: int | None
    path: str | None


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Give a connection that sees the site as it is now, whatever is written meanwhile."""
    engine = migration_engine()  # MySQL may take its time to count
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "mysql":
                connection.execution_options(isolation_level="REPEATABLE READ")
                connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            # SQLite's BEGIN was sent; the moment is that of the first read.
            yield connection
    finally:
        if engine is not db.engine:
            engine.dispose()


def counts(connection: Connection) -> Counts:
    """Return how many threads, comments and earlier versions there are."""
    found = [connection.scalar(select(func.count()).select_from(of)) for of in (Thread, Comment, CommentVersion)]
    return Counts(*(number or 0 for number in found))


def _batches(connection: Connection, statement: Any) -> Iterator[Sequence[Any]]:
    """Yield the rows of a select by their ids, BATCH_ROWS at once."""
    number = statement.selected_columns.id
    last = 0
    while found := connection.execute(statement.where(number > last).order_by(number).limit(BATCH_ROWS)).all():
        yield found
        last = found[-1].id


def records(connection: Connection, *, with_emails: bool) -> Iterator[lines.Record]:
    """Yield all threads, then all comments, each after its parent, then all earlier versions. Raises NoThread."""
    for batch in _batches(connection, select(Thread.id, Thread.key, Thread.closed)):
        yield from (lines.Thread(key=row.key, closed=row.closed) for row in batch)
    for batch in _batches(connection, select(Comment.__table__)):
        found = select(Thread.id, Thread.key).where(Thread.id.in_({row.thread_id for row in batch}))
        keys: dict[int, str] = {row.id: row.key for row in connection.execute(found)}
        yield from (_comment(row, keys, with_emails=with_emails) for row in batch)
    for batch in _batches(connection, select(CommentVersion.__table__)):
        for row in batch:
            yield lines.Version(row.comment_id, revision=row.revision, content=row.content, written=row.written)


def _comment(row: Any, keys: Mapping[int, str], *, with_emails: bool) -> lines.Comment:
    if row.thread_id not in keys:
        raise NoThread(f"Comment {row.id} stands in thread {row.thread_id}, which is not there.")
    return lines.Comment(
        id=row.id,
        thread=keys[row.thread_id],
        parent=row.parent_id,
        posted=row.posted,
        name=row.name,
        email=row.email if with_emails else None,
        website=row.website,
        mark=row.mark,
        content=row.content,
        revision=row.revision,
        edited=row.edited,
        deleted=row.deleted,
    )


_HERE = select(*(getattr(Comment, name) for name in Here._fields)).with_hint(
    Comment, "FORCE INDEX (ix_comments_thread_id_posted_id)", "mysql"
)


def ids_there(numbers: Collection[int]) -> set[int]:
    """Return which of some ids comments of the site have."""
    return set(db.session.scalars(select(Comment.id).where(Comment.id.in_(numbers))))


def alike(comments: Sequence[lines.Comment], threads: Mapping[str, int]) -> list[Here]:
    """Return the comments of the site that some of `comments` may be, by their ids; `threads` are its ids by key.

    Where thousands were posted at one moment (an upgrade gave it to them), only those of the same texts.
    """
    moments: dict[int, set[datetime]] = {}
    changed: dict[int, set[datetime]] = {}
    for comment in comments:
        moments.setdefault(threads[comment.thread], set()).update([comment.posted])
        if comment.deleted or comment.revision > 1:
            changed.setdefault(threads[comment.thread], set()).update([comment.posted])
    texts = {comment.content for comment in comments if comment.content is not None}
    found: list[Here] = []
    # A select for each thread: neither database goes by the index for pairs of thread and moment.
    for thread_id, posted in moments.items():
        may_be = [Comment.content.in_(texts), Comment.content.is_(None), Comment.revision > 1]
        if thread_id in changed:  # of those edited or deleted in the file, the one here may have an earlier text
            may_be.append(and_(Comment.mark.is_not(None), Comment.posted.in_(changed[thread_id])))
        wanted = _HERE.where(Comment.thread_id == thread_id, Comment.posted.in_(posted), or_(*may_be))
        found += [Here(*row) for row in db.session.execute(wanted)]
    return sorted(found, key=lambda here: here.id)


def earlier_texts(numbers: Collection[int]) -> dict[tuple[int, int], str | None]:
    """Return the earlier texts of comments, by id and revision."""
    columns = CommentVersion.comment_id, CommentVersion.revision, CommentVersion.content
    found = db.session.execute(select(*columns).where(CommentVersion.comment_id.in_(numbers)))
    return {(row.comment_id, row.revision): row.content for row in found}


def places(numbers: Collection[int]) -> dict[int, Place]:
    """Return where comments stand."""
    found = db.session.execute(select(Comment.id, Comment.root_id, Comment.path).where(Comment.id.in_(numbers)))
    return {row.id: Place(row.root_id, row.path) for row in found}


def threads_of(numbers: Collection[int]) -> set[int]:
    """Return the ids of the threads that comments stand in."""
    return set(db.session.scalars(select(Comment.thread_id).where(Comment.id.in_(numbers))))


def edited(numbers: Collection[int]) -> dict[int, int]:
    """Return the revisions that comments have, of those that are not deleted."""
    wanted = Comment.id.in_(numbers), Comment.deleted.is_(None)
    return {row.id: row.revision for row in db.session.execute(select(Comment.id, Comment.revision).where(*wanted))}
