"""Reads of threads and comments. Comments that reply to none, and threads, go by time and then by id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, Select, String, bindparam, case, cast, func, null, select, union_all

from ..db import Base, UTCDateTime, db
from ..errors import NotFound
from ..keyset import Listing, moment_of
from ..reading import rows
from ..schema import head_revision
from ..versions import State
from .models import Comment, Thread


class Shown(NamedTuple):
    """What pages show of a comment: `posted` as text in UTC, and HTML that may have to be made yet."""

    id: int
    posted: str
    parent_id: int | None
    root_id: int | None
    path: str | None
    reply_count: int
    is_deleted: bool
    head_html: str | None
    content_html: str | None


class ThreadState(NamedTuple):
    """What a thread's pages show of it."""

    id: int
    key: str
    version: int
    latest: object
    comment_count: int
    closed: object


class Listed(NamedTuple):
    """What a list of threads shows of one; `latest` as text in UTC."""

    id: int
    key: str
    comment_count: int
    latest: str


# Pages are read by tables and columns, not by classes: SQLAlchemy then hands rows on as they come.
threads, comments = Base.metadata.tables["threads"], Base.metadata.tables["comments"]

_THREAD = select(
    threads.c.id, threads.c.key, threads.c.version, threads.c.latest, threads.c.comment_count, threads.c.closed
)
_THREAD_BY_KEY = _THREAD.where(threads.c.key == bindparam("key"))
_THREAD_BY_ID = _THREAD.where(threads.c.id == bindparam("id"))


def thread_by_key(key: str) -> ThreadState | None:
    """Return what pages show of a thread, None where nobody has written in it yet."""
    found = rows(_THREAD_BY_KEY, {"key": key}, is_packed=True)
    return ThreadState(*found[0]) if found else None


def thread_by_id(thread_id: int) -> ThreadState | None:
    """Return what pages show of a thread."""
    found = rows(_THREAD_BY_ID, {"id": thread_id}, is_packed=True)
    return ThreadState(*found[0]) if found else None


def state_of(thread: ThreadState) -> tuple[int, State]:
    """Return the id of a thread, and the state that its pages are true for as long as it is in it."""
    return thread.id, (thread.version, thread.latest, head_revision())


def _shown(index: str, *, replies: bool = True) -> Select[Any]:
    """Return a select of what pages show of comments, by an index; a head of another look than the present is none.

    Without `replies`, what only these have is not read. It has a type: MySQL may take what is joined to NULL for bytes.

    Times are read as text: making them into objects takes longer than all the rest. MariaDB 10.11 would rather walk
    from the beginning of an order than jump into its middle, so the index is forced.
    """
    is_of_this_look = comments.c.look == bindparam("look")
    of_replies = comments.c.parent_id, comments.c.root_id, comments.c.path
    columns = [
        comments.c.id,
        cast(comments.c.posted, String(26)).label("posted"),
        *(column if replies else cast(null(), String(1)).label(column.key) for column in of_replies),
        comments.c.reply_count,
        comments.c.deleted.is_not(None).label("is_deleted"),
        case((is_of_this_look, comments.c.head_html)).label("head_html"),
        comments.c.content_html,
    ]
    return select(*columns).with_hint(comments, f"FORCE INDEX ({index})", "mysql")


# The comments of a thread that reply to none.
ROOTS: Listing[Shown] = Listing(
    Shown._make,
    _shown("ix_comments_thread_id_root_id_posted_id", replies=False).where(
        comments.c.thread_id == bindparam("thread_id"), comments.c.root_id.is_(None)
    ),
    comments.c.posted,
    comments.c.id,
)

# The threads that hold comments, by their latest.
THREADS: Listing[Listed] = Listing(
    Listed._make,
    select(threads.c.id, threads.c.key, threads.c.comment_count, threads.c.latest)
    .with_hint(threads, "FORCE INDEX (ix_threads_latest_id)", "mysql")
    .where(threads.c.latest.is_not(None)),
    threads.c.latest,
    threads.c.id,
)

_BRANCH = _shown("ix_comments_root_id_path")
_REPLIES_AFTER = (
    _BRANCH.where(comments.c.root_id == bindparam("root_id"), comments.c.path > bindparam("path"))
    .order_by(comments.c.path)
    .limit(bindparam("limit"))
)
_REPLIES_BEFORE = (
    _BRANCH.where(comments.c.root_id == bindparam("root_id"), comments.c.path < bindparam("path"))
    .order_by(comments.c.path.desc())
    .limit(bindparam("limit"))
)


@cache
def _first_replies(branches: int) -> CompoundSelect[Any]:
    return union_all(
        *(
            select(
                _BRANCH.where(comments.c.root_id == bindparam(f"root_{place}"))
                .order_by(comments.c.path)
                .limit(bindparam("limit"))
                .subquery()
            )
            for place in range(branches)
        )
    )


def first_replies(root_ids: Sequence[int], limit: int, look: str) -> list[Shown]:
    """Return the first `limit` replies of each branch in its order, the branches in no order. One statement."""
    if not root_ids:
        return []
    roots = {f"root_{place}": root_id for place, root_id in enumerate(root_ids)}
    found = rows(_first_replies(len(root_ids)), {**roots, "limit": limit, "look": look})
    return sorted(map(Shown._make, found), key=lambda reply: reply.path or "")


def replies_after(root_id: int, path: str, limit: int, look: str) -> list[Shown]:
    """Return the replies of a branch next after `path` in its order."""
    values = {"root_id": root_id, "path": path, "limit": limit, "look": look}
    return list(map(Shown._make, rows(_REPLIES_AFTER, values, is_packed=True)))


def replies_before(root_id: int, path: str, limit: int, look: str) -> list[Shown]:
    """Return the replies of a branch next before `path`, nearest first."""
    values = {"root_id": root_id, "path": path, "limit": limit, "look": look}
    return list(map(Shown._make, rows(_REPLIES_BEFORE, values, is_packed=True)))


@cache
def _by_ids(count: int) -> Select[Any]:
    return _shown("PRIMARY").where(comments.c.id.in_([bindparam(f"id_{place}") for place in range(count)]))


def shown_by_ids(ids: Collection[int], look: str) -> list[Shown]:
    """Return what pages show of some comments, in no order."""
    if not ids:
        return []
    values = {f"id_{place}": comment_id for place, comment_id in enumerate(ids)}
    return list(map(Shown._make, rows(_by_ids(len(ids)), {**values, "look": look}, is_packed=True)))


@cache
def _sources(count: int) -> Select[Any]:
    of_ids = comments.c.id.in_([bindparam(f"id_{place}") for place in range(count)])
    return select(comments).where(of_ids)


def sources_of(ids: Collection[int]) -> dict[int, Comment]:
    """Return what the HTML of some comments is made of, by their ids: comments that no session knows."""
    if not ids:
        return {}
    values = {f"id_{place}": comment_id for place, comment_id in enumerate(ids)}
    names = [column.name for column in comments.columns]
    moments = [column.name for column in comments.columns if isinstance(column.type, UTCDateTime)]
    found = [dict(zip(names, row, strict=True)) for row in rows(_sources(len(ids)), values)]
    for source in found:
        source.update({name: moment_of(source[name]) for name in moments if source[name]})
    return {source["id"]: Comment(**source) for source in found}


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


def highest_id() -> int:
    """Return the highest id that a comment has, 0 where there is none."""
    return db.session.scalar(select(func.max(Comment.id))) or 0


def stale_comments(after_id: int, limit: int, renderer: str, look: str) -> tuple[Sequence[Comment], int]:
    """Return which of the `limit` comments next after an id were made by another renderer or look; and the last id."""
    found = db.session.scalars(select(Comment).where(Comment.id > after_id).order_by(Comment.id).limit(limit)).all()
    stale = [row for row in found if row.look != look or (row.content and row.renderer != renderer)]
    return stale, found[-1].id if found else after_id
