"""Writes of what a file holds into this site, some hundred records a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, TypeVar

from flask_sqlalchemy.session import Session
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import scoped_session

from ..comments import articles, markup, tree
from ..comments.models import Comment, CommentVersion, Thread
from ..comments.policy import path_below
from ..comments.queries import highest_id
from ..db import Base, in_transaction
from ..errors import Conflict
from . import format as lines
from . import queries
from .ledger import Ledger
from .policy import Here, is_same, may_keep_id
from .queries import Place
from .reader import Line

BATCH_ROWS = 500
TRIES = 3

Work = Callable[[scoped_session[Session]], int]
Given = TypeVar("Given")

_COMMENTS = Base.metadata.tables["comments"]
# The columns that a comment of a file gets; the others are for posts through the page.
COLUMNS = [column.name for column in _COMMENTS.columns if not column.name.startswith("post_key")]


class ParentGone(Conflict):
    """What a comment of the file replies to was deleted during the import."""

    title = "Not imported to the end"


@dataclass
class Outcome:
    """How many of each kind were stored, and how many were here already."""

    stored: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)


def import_lines(found: Iterable[Line], ledger: Ledger, *, highest: int) -> Outcome:
    """Store the records of a file that this site does not have, leaving out broken lines. Commits every BATCH_ROWS.

    `highest` is the highest id in the file that may be kept. What was stored when it is killed is found again by the
    next import of the file, and the rest follows.
    """
    outcome = Outcome()
    records = (line.record for line in found if line.record is not None)
    for kind, group in groupby(records, type):
        for batch in _batches(group):
            if kind is lines.Thread:
                stored = _import_threads(batch, ledger)
            elif kind is lines.Comment:
                stored = _import_comments(batch, ledger, highest)
            elif kind is lines.Version:
                stored = _import_versions(batch, ledger)
            else:
                continue
            outcome.stored[kind.__name__] += stored
            outcome.here[kind.__name__] += len(batch) - stored
    return outcome


def _batches(records: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(records)
    while batch := list(islice(left, BATCH_ROWS)):
        yield batch


def _tried(work: Work) -> int:
    """Run `work` in a transaction, again where somebody else took an id or began a thread at the same time."""
    for _ in range(TRIES - 1):
        try:
            return in_transaction(work)
        except IntegrityError:
            continue
    return in_transaction(work)


def _import_threads(batch: Sequence[lines.Thread], ledger: Ledger) -> int:
    """Begin the threads that are not here. One without comments that is here is closed where it is in the file."""
    here: dict[str, int] = {}

    def store(session: scoped_session[Session]) -> int:
        wanted = select(Thread).where(Thread.key.in_([thread.key for thread in batch])).order_by(Thread.id)
        locked = wanted.with_for_update().execution_options(populate_existing=True)
        threads = {thread.key: thread for thread in session.scalars(locked)}
        missing = [each for each in batch if each.key not in threads]
        begun = [Thread(key=each.key, comment_count=0, version=1, closed=each.closed) for each in missing]
        session.add_all(begun)
        session.flush()
        for each in batch:
            thread = threads.get(each.key)
            if thread is not None and each.closed and not thread.closed and thread.latest is None:
                thread.closed = each.closed
                session.flush()
                tree.count(session, thread.id, 0)
        here.update({thread.key: thread.id for thread in (*threads.values(), *begun)})
        return len(begun)

    stored = _tried(store)
    ledger.put_threads(here)
    return stored


@dataclass
class _Plan:
    """Where the comments of a batch stand here, by their ids in the file, and the rows of those that are to be."""

    here: dict[int, int]
    rows: dict[int, Comment]


class _Planner:
    """Decides for a batch of comments, in the order of the file, which are here and where the others are to stand."""

    def __init__(self, batch: Sequence[lines.Comment], ledger: Ledger, highest: int) -> None:
        self.threads = ledger.threads_here({comment.thread for comment in batch})
        self.batch = [comment for comment in batch if comment.thread in self.threads]
        self.here = ledger.comments_here({comment.parent for comment in batch if comment.parent})
        self.ids = queries.ids_there([comment.id for comment in batch])
        alike = queries.alike(self.batch, self.threads)
        self.taken = ledger.taken(each.id for each in alike)
        self.texts = queries.earlier_texts([each.id for each in alike if each.revision > 1])
        self.alike: dict[tuple[int, object], list[Here]] = {}
        for each in alike:
            self.alike.setdefault((each.thread_id, each.posted), []).append(each)
        self.places = queries.places(set(self.here.values()) | {each.id for each in alike})
        self.next_id = max(highest_id(), highest) + 1

    def plan(self) -> _Plan:
        rows = {}
        for comment in self.batch:
            parent_id = self.here[comment.parent] if comment.parent else None
            same = self._same(comment, parent_id)
            if same is not None:
                self.here[comment.id] = same
                self.taken.add(same)
            else:
                rows[comment.id] = self._row(comment, parent_id)
        return _Plan({comment.id: self.here[comment.id] for comment in self.batch}, rows)

    def _same(self, comment: lines.Comment, parent_id: int | None) -> int | None:
        """Return the id of the comment here that this one is; that of its own id if there is a choice."""
        found = self.alike.get((self.threads[comment.thread], comment.posted), [])
        for here in sorted(found, key=lambda each: each.id != comment.id):
            then = here.content if here.revision == comment.revision else self.texts.get((here.id, comment.revision))
            known = here.revision == comment.revision or (here.id, comment.revision) in self.texts
            if here.id in self.taken or not (known or here.deleted or here.revision < comment.revision):
                continue
            if is_same(comment, here, parent_id=parent_id, content_then=then):
                return here.id
        return None

    def _row(self, comment: lines.Comment, parent_id: int | None) -> Comment:
        number = comment.id
        if number in self.ids or not may_keep_id(number, parent_id=parent_id):
            number, self.next_id = self.next_id, self.next_id + 1
        self.ids.add(number)
        row = Comment(
            id=number,
            thread_id=self.threads[comment.thread],
            reply_count=0,
            **{name: getattr(comment, name) for name in ("posted", "name", "email", "website", "mark", "content")},
            **{name: getattr(comment, name) for name in ("revision", "edited", "deleted")},
        )
        if parent_id is not None:
            above = self.places.get(parent_id)
            if above is None:
                raise ParentGone(
                    f"Comment {parent_id} was deleted here while its replies came in. Start the import again."
                )
            row.parent_id, row.root_id = parent_id, above.root_id or parent_id
            row.path = path_below(above.path, number)
        self.places[number] = Place(row.root_id, row.path)
        self.here[comment.id] = number
        return row


def _import_comments(batch: Sequence[lines.Comment], ledger: Ledger, highest: int) -> int:
    """Store the comments that are not here, each with its HTML, and count them."""
    thread_ids = set(ledger.threads_here({comment.thread for comment in batch}).values())
    likely = _Planner(batch, ledger, highest).plan()
    if not likely.rows:
        ledger.put_comments(likely.here)
        return 0
    # HTML is made before the transaction: others wait while that lasts.
    made = {number: _html(row) for number, row in likely.rows.items()}
    here: dict[int, int] = {}

    def store(session: scoped_session[Session]) -> int:
        _lock(session, thread_ids)
        plan = _Planner(batch, ledger, highest).plan()
        here.update(plan.here)
        if plan.rows:
            html = [made.get(number) or _html(row) for number, row in plan.rows.items()]
            _insert(session, list(plan.rows.values()), html)
        return len(plan.rows)

    stored = _tried(store)
    ledger.put_comments(here)
    return stored


def _html(row: Comment) -> dict[str, str | None]:
    """Return what is kept of a comment as HTML, as when it is posted."""
    rendered = markup.rendered(row.content) if row.content else None
    return {
        "content_html": rendered.html if rendered else None,
        "renderer": rendered.renderer if rendered else None,
        "head_html": articles.head_html(row),
        "look": articles.look(),
    }


def _lock(session: scoped_session[Session], thread_ids: Iterable[int]) -> None:
    """Have nobody else write in threads until the commit. First in a transaction: see tree.locked_comment."""
    session.scalars(select(Thread.id).where(Thread.id.in_(thread_ids)).order_by(Thread.id).with_for_update()).all()


def _insert(session: scoped_session[Session], rows: Sequence[Comment], html: Sequence[Mapping[str, object]]) -> None:
    values = [{name: getattr(row, name) for name in COLUMNS} | dict(made) for row, made in zip(rows, html, strict=True)]
    session.execute(insert(_COMMENTS), values)
    replies = Counter(row.root_id for row in rows if row.root_id is not None)
    if replies:
        counted = update(_COMMENTS).where(_COMMENTS.c.id == bindparam("root"))
        counted = counted.values(reply_count=_COMMENTS.c.reply_count + bindparam("more"))
        session.execute(counted, [{"root": root, "more": more} for root, more in sorted(replies.items())])
    for thread_id in sorted({row.thread_id for row in rows}):
        posted = [row.posted for row in rows if row.thread_id == thread_id and row.deleted is None]
        tree.count(session, thread_id, len(posted), latest=max(posted, default=None))


def _import_versions(batch: Sequence[lines.Version], ledger: Ledger) -> int:
    """Store the earlier texts of comments that are not here. No page shows them."""
    here = ledger.comments_here({version.comment for version in batch})
    thread_ids = queries.threads_of(here.values())

    def store(session: scoped_session[Session]) -> int:
        _lock(session, thread_ids)
        revisions = queries.edited(here.values())
        there = queries.earlier_texts(here.values())
        missing = [
            {
                "comment_id": here[each.comment],
                "revision": each.revision,
                "content": each.content,
                "written": each.written,
            }
            for each in batch
            if each.comment in here
            and each.revision < revisions.get(here[each.comment], 0)
            and (here[each.comment], each.revision) not in there
        ]
        if missing:
            session.execute(insert(Base.metadata.tables[CommentVersion.__tablename__]), missing)
        return len(missing)

    return _tried(store)
