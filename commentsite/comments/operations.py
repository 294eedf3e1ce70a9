"""Writes of threads and comments: one verb, one transaction, one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask_sqlalchemy.session import Session
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import scoped_session

from ..clock import utc_now
from ..db import NotWritten, in_transaction
from ..errors import Conflict, InvalidInput, NotAllowed
from ..writing import Together
from . import articles, markup, queries, tree
from .models import FIRST_THREAD_KEY, Comment, CommentVersion
from .policy import GONE, mark, may_edit, post_keys, time_to_post

if TYPE_CHECKING:
    from .forms import CommentDraft, EditDraft


# The columns of what is shown of a comment.
HTML = ("content_html", "renderer", "head_html", "look")


# Posts that come to a process at the same time are written together.
POSTS: Together[tree.Root, tree.Stored] = Together(lambda run, roots: tree.add_roots(run, roots, utc_now))


@dataclass(frozen=True)
class Addition:
    """A comment from elsewhere; `parent` is the place of the one it replies to, earlier among the additions."""

    content: str
    posted: datetime
    name: str | None = None
    mark: str | None = None
    parent: int | None = None


class ThreadClosed(Conflict):
    title = "This thread is closed"


class EditWindowOver(NotAllowed):
    title = "Too late to change it"


class EditConflict(Conflict):
    """Another edit of the same comment came first."""

    title = "Not saved yet"

    def __init__(self) -> None:
        super().__init__(
            "The comment was changed after you opened it. Your text is kept below the one that stands there now: "
            "bring them together and save again."
        )


def post_comment(draft: CommentDraft, *, thread_key: str, sender: str, secret: str) -> tree.Stored:
    """Store `draft` in the thread of `thread_key`, which begins with it if need be; return what is stored. Commits.

    The same draft from the same `sender` within policy.DOUBLE_POST_MINUTES is the same post come twice:
    what is already there is returned and nothing is stored. Raises ThreadClosed, and InvalidInput
    where what it replies to is not in this thread or was deleted.
    """
    words = dict(vars(draft))
    parts = (sender, thread_key, *(str(word or "") for word in words.values()))
    parent_id = words.pop("parent_id")
    words["mark"] = mark(secret, sender=sender, email=draft.email)
    # Before the transaction: others wait while it lasts.
    rendered = markup.rendered(draft.content)
    post = _Post(thread_key, parent_id, words, rendered, lambda now: post_keys(secret, parts, now))

    def store_with_others() -> tree.Stored:
        if parent_id is not None:
            raise NotWritten
        return POSTS.add(_root(post))

    def store(session: scoped_session[Session]) -> tree.Stored:
        return _store(session, post)

    try:
        return in_transaction(store, first=store_with_others)
    except (IntegrityError, ThreadClosed, InvalidInput) as error:
        # This post was here before, or the thread was begun by another post at the same time.
        found = queries.comment_by_post_keys(*post.keys)
        if found is None and not isinstance(error, IntegrityError):
            raise
        return tree.Stored(found.id, found.posted, row=found) if found else in_transaction(store)


class _Post:
    """A comment on its way, and the keys it is known by, which depend on the time."""

    def __init__(
        self,
        thread_key: str,
        parent_id: int | None,
        words: Mapping[str, Any],
        rendered: markup.Rendered,
        keys_at: Callable[[datetime], tuple[str, str]],
    ) -> None:
        self.thread_key, self.parent_id, self.words, self.rendered = thread_key, parent_id, words, rendered
        self.keys_at = keys_at
        self.keys = keys_at(utc_now())

    def comment(self, posted: datetime) -> Comment:
        """Return it with its HTML, not yet in the database."""
        comment = Comment(**self.words, posted=posted)
        comment.post_key, comment.post_key_shifted = self.keys
        _render(comment, self.rendered)
        return comment


def _store(session: scoped_session[Session], post: _Post) -> tree.Stored:
    thread = tree.locked_thread(session, post.thread_key)
    # The time is asked for when it is this post's turn to write in the thread, not before it waited for others.
    now = utc_now()
    posted = time_to_post(now, thread.latest)
    if posted > now:  # the same post may have come before the clock was set back
        post.keys = post.keys_at(posted)
    if thread.closed:
        raise ThreadClosed("No more comments are taken here. Your text is kept below; nothing of it was stored.")
    parent = None if post.parent_id is None else _replied_to(session, thread.id, post.parent_id)
    comment = post.comment(posted)
    comment.thread_id = thread.id
    tree.add(session, comment, parent)
    return tree.Stored(comment.id, comment.posted, row=comment)


def _root(post: _Post) -> tree.Root:
    """Return a comment as it is stored with others. Its head is made now, and again where the time comes out other."""
    heads: dict[datetime, str] = {}

    def timed(posted: datetime) -> Mapping[str, Any]:
        shown = articles.time_shown(posted)
        if shown not in heads:
            heads[shown] = articles.head_html(Comment(**post.words, posted=posted))
        return {"head_html": heads[shown]}

    timed(utc_now())
    plain, shifted = post.keys
    html = {"content_html": post.rendered.html, "renderer": post.rendered.renderer, "look": articles.look()}
    return tree.Root(post.thread_key, {**post.words, "post_key": plain, "post_key_shifted": shifted, **html}, timed)


def edit_comment(draft: EditDraft, comment_id: int, *, window_minutes: int) -> Comment:
    """Give a comment its new text, and keep the one it had; return the comment. Commits.

    Raises NotFound, EditWindowOver, and EditConflict where another edit came after `draft.revision`. The text that
    is there already is not an edit.
    """
    rendered = markup.rendered(draft.content)
    thread_id = queries.comment_by_id(comment_id).thread_id

    def store(session: scoped_session[Session]) -> Comment:
        comment = tree.locked_comment(session, thread_id, comment_id)
        if comment.content == draft.content:
            return comment
        now = utc_now()
        _check_window(comment, now, window_minutes)
        if comment.revision != draft.revision:
            raise EditConflict
        written = comment.edited or comment.posted
        version = CommentVersion(
            comment_id=comment.id, revision=comment.revision, content=comment.content, written=written
        )
        session.add(version)
        comment.content = draft.content
        # Where the clock was set back, no text is older than the one before it.
        comment.revision, comment.edited = comment.revision + 1, max(now, written)
        _render(comment, rendered)
        session.flush()
        tree.raise_versions(session, {comment.thread_id})
        return comment

    return in_transaction(store)


def delete_comment(comment_id: int, *, window_minutes: int) -> Comment | None:
    """Delete a comment with all that its writer gave; return the placeholder that its replies stand below. Commits.

    Returns None where there are no replies, so that the row goes as well, and with it the placeholders above that
    had no other. Raises NotFound, also where it was deleted before, and EditWindowOver.
    """
    thread_id = queries.comment_by_id(comment_id).thread_id

    def remove(session: scoped_session[Session]) -> Comment | None:
        comment = tree.locked_comment(session, thread_id, comment_id)
        now = utc_now()
        _check_window(comment, now, window_minutes)
        session.execute(delete(CommentVersion).where(CommentVersion.comment_id == comment.id))
        is_kept = tree.has_replies(session, comment.id)
        if is_kept:
            tree.empty(comment, now)
            _render(comment, None)
            session.flush()
        else:
            tree.remove(session, comment)
        tree.uncount(session, comment.thread_id)
        return comment if is_kept else None

    return in_transaction(remove)


def _check_window(comment: Comment, now: datetime, window_minutes: int) -> None:
    if not may_edit(comment.posted, now, window_minutes):
        raise EditWindowOver(f"A comment can be changed for {window_minutes} minutes after it was posted.")


def _replied_to(session: scoped_session[Session], thread_id: int, parent_id: int) -> Comment:
    parent = session.get(Comment, parent_id, populate_existing=True)
    if parent is None or parent.thread_id != thread_id or parent.deleted:
        raise InvalidInput({"parent": GONE})
    return parent


def close_thread(thread_key: str) -> None:
    """Close a thread to new comments, also one that has none yet. Commits."""
    _set_closed(thread_key, utc_now())


def open_thread(thread_key: str) -> None:
    """Open a thread to new comments again. Commits."""
    _set_closed(thread_key, None)


def _set_closed(thread_key: str, closed: datetime | None) -> None:
    def store(session: scoped_session[Session]) -> None:
        thread = tree.locked_thread(session, thread_key)
        if (thread.closed is None) != (closed is None):
            thread.closed = closed
            session.flush()
            tree.count(session, thread.id, 0)

    in_transaction(store)


def add_comments(additions: Iterable[Addition], *, thread_key: str = FIRST_THREAD_KEY) -> None:
    """Store comments that were not posted here in one transaction. Commits."""
    additions = list(additions)
    rendered = [markup.rendered(addition.content) for addition in additions]

    def store(session: scoped_session[Session]) -> None:
        thread = tree.locked_thread(session, thread_key)
        comments = [
            Comment(
                content=addition.content,
                posted=addition.posted,
                thread_id=thread.id,
                name=addition.name,
                mark=addition.mark,
            )
            for addition in additions
        ]
        for comment, made in zip(comments, rendered, strict=True):
            _render(comment, made)
        session.add_all(comments)
        session.flush()
        for addition, comment in zip(additions, comments, strict=True):
            if addition.parent is not None:
                tree.put_below(comments[addition.parent], comment)
                tree.count_reply(session, comment, 1)
        tree.count(session, thread.id, len(comments), latest=max(comment.posted for comment in comments))

    in_transaction(store)


def rerender_comments(after_id: int, limit: int) -> tuple[int, int]:
    """Make anew the HTML that was made otherwise than now, or not at all, of the next `limit` comments by id.

    Returns the last id looked at, `after_id` if there was none, and how many were made. Commits.
    """
    stale, last_id = queries.stale_comments(after_id, limit, markup.current_renderer(), articles.look())
    made = []
    for comment in stale:
        _render(comment, markup.rendered(comment.content) if comment.content else None)
        html = {name: getattr(comment, name) for name in HTML}
        made.append((comment.id, comment.revision, html))
    thread_ids = {comment.thread_id for comment in stale}

    def store(session: scoped_session[Session]) -> None:
        tree.raise_versions(session, thread_ids)
        for comment_id, revision, html in made:
            # What was edited or deleted in between has been made anew already.
            session.execute(
                update(Comment)
                .where(Comment.id == comment_id, Comment.revision == revision)
                .values(html)
                .execution_options(synchronize_session=False)
            )

    if made:
        in_transaction(store)
    return last_id, len(made)


def _render(comment: Comment, rendered: markup.Rendered | None) -> None:
    """Keep with `comment` the HTML of its text, if it has one, and of what stands above it."""
    if rendered is not None:
        comment.content_html, comment.renderer = rendered.html, rendered.renderer
    comment.head_html, comment.look = articles.head_html(comment), articles.look()
