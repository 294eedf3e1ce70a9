"""Pages of a thread put together: comments, the replies shown below each, and how far each is indented."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import BadAddress
from ..keyset import PAGE_SIZE, Page, Position
from . import articles, queries
from .articles import Replies, Reply
from .models import PATH_STEP_CHARS, PATH_STEPS
from .policy import depth, replies_shown
from .queries import Shown

PATH_CHARACTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class Conversation:
    """A page of a thread: comments in its order, the first replies below those that have any, where others begin."""

    roots: Sequence[Shown]
    below: Mapping[int, Replies]
    older: Position | None
    newer: Position | None


def conversation(page: Page[Shown], levels: int) -> Conversation:
    """Return a page of comments that reply to none with the first replies to each, indented by `levels` at most."""
    roots = articles.completed(page.rows)
    answered = {root.id: root for root in roots if root.reply_count}
    if not answered:
        return Conversation(roots, {}, page.older, page.newer)
    rows: dict[int | None, list[Shown]] = defaultdict(list)
    found = queries.first_replies(list(answered), replies_shown(len(answered)), articles.look())
    for reply in articles.completed(found):
        rows[reply.root_id].append(reply)
    below = {root_id: _first(root, rows[root_id], levels) for root_id, root in answered.items()}
    return Conversation(roots, below, page.older, page.newer)


def _first(root: Shown, rows: Sequence[Shown], levels: int) -> Replies:
    rest_count = max(0, root.reply_count - len(rows))
    rest = rows[-1].path if rows and rest_count else None
    return Replies(_indented(root, rows, levels), rest=rest, rest_count=rest_count)


def replies(root: Shown, before: str | None, after: str | None, levels: int) -> Replies:
    """Return the page of a branch that an address asks for by one of two paths, or its first. Raises BadAddress."""
    if (before is not None and after is not None) or not all(_is_path(path) for path in (before, after) if path):
        raise BadAddress({"cursor": "This address names no place among these replies. Begin at the first."})
    look = articles.look()
    if before is not None:
        found = queries.replies_before(root.id, before, PAGE_SIZE + 1, look)
        if len(found) > PAGE_SIZE:
            rows = articles.completed(found[PAGE_SIZE - 1 :: -1])
            return Replies(_indented(root, rows, levels), earlier=rows[0].path, rest=rows[-1].path)
    found = queries.replies_after(root.id, after or "", PAGE_SIZE + 1, look)
    rows = articles.completed(found[:PAGE_SIZE])
    earlier = (rows[0].path if rows else after) if after else None
    rest = rows[-1].path if len(found) > PAGE_SIZE else None
    return Replies(_indented(root, rows, levels), earlier=earlier, rest=rest)


def _is_path(path: str) -> bool:
    return len(path) <= PATH_STEPS * PATH_STEP_CHARS and PATH_CHARACTERS.issuperset(path)


def _indented(root: Shown, rows: Sequence[Shown], levels: int) -> list[Reply]:
    """Return `rows`, which are in the order of their branch, each with the comment it replies to."""
    here = {root.id: root} | {row.id: row for row in rows}
    away = queries.shown_by_ids({row.parent_id for row in rows if row.parent_id} - here.keys(), articles.look())
    known = here | {row.id: row for row in articles.completed(away)}
    return [
        Reply(
            row,
            level=min(depth(row.path), levels),
            parent=known.get(row.parent_id or 0),
            is_elsewhere=row.parent_id not in here,
            is_apart=depth(row.path) > levels or row.parent_id not in here,
        )
        for row in rows
    ]
