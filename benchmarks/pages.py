"""Table of single pages: each beside the same page among a hundred comments, in the same round.

Whole WSGI calls without a server, and without the site's cache of whole pages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask.testing import FlaskClient

from commentsite.comments.policy import path_below
from commentsite.db import db
from commentsite.keyset import PAGE_SIZE, Position, cursor

from .data import DataSet, make_app, posted, thread_path
from .runs import DATABASE_NAMES, FEW, Run, check_ids, say
from .servers import uncached_settings
from .tables import Row, Table, at_most

GOAL = 1.1
CALLS_A_SECOND = 4  # calls of a round for each second that loads last in one


@dataclass(frozen=True)
class Page:
    """A page: what it is called, its address, and the comments that it shows; None for an address that redirects."""

    name: str
    path: str
    ids: Sequence[int] | None


def pages(run: Run) -> Iterator[Table]:
    """Measure pages of every shape at their beginning, middle and end."""
    for database in run.database_kinds:
        yield _on(run, database)


def _on(run: Run, database: str) -> Table:
    sizes = run.many, FEW
    apps = [make_app(run.site(database, size), **uncached_settings()) for size in sizes]
    clients = [app.test_client() for app in apps]
    places = [_pages(run.site(database, size)) for size in sizes]
    table = Table(f"Pages among {run.many:,} beside {FEW}, {DATABASE_NAMES[database]}, ms a call without a server")
    say(table.title)
    calls = max(1, round(CALLS_A_SECOND * run.seconds))
    for many, few in zip(*places, strict=True):
        taken: tuple[list[float], list[float]] = [], []
        for client, each in zip(clients, (many, few), strict=True):
            _check(client, each)
            _milliseconds(client, each, 2)
        for _ in range(run.rounds):
            for client, each, times in zip(clients, (many, few), taken, strict=True):
                times.append(_milliseconds(client, each, calls))
        table.rows.append(Row(many.name, *taken, at_most(GOAL)))
    for app in apps:
        with app.app_context():
            db.engine.dispose()
    return table


def _pages(data: DataSet) -> list[Page]:
    return [*_flat(data), *_of_replies(data, "chain"), *_of_replies(data, "fan")]


def _flat(data: DataSet) -> list[Page]:
    """Return pages of the flat thread; its middle one lies among comments of one time."""
    size = data.size
    middle = max(PAGE_SIZE + 1, size // 4)  # a whole page is older, also among few
    before = cursor(Position(posted("flat", middle - 1, size), middle))
    after = cursor(Position(posted("flat", 0, size), 1))
    return [
        Page("flat, newest", "/", range(size, size - PAGE_SIZE, -1)),
        Page("flat, middle", f"/?before={before}", range(middle - 1, middle - 1 - PAGE_SIZE, -1)),
        Page("flat, oldest", f"/?after={after}", range(PAGE_SIZE + 1, 1, -1)),
        Page("flat, permalink in the middle", f"/comments/{size // 4}", None),  # not on the first page among few either
    ]


def _of_replies(data: DataSet, shape: str) -> list[Page]:
    """Return pages of a thread that is one branch. On its own page the branch shows its first replies."""
    root, last = data.first_id(shape), data.first_id(shape) + data.size - 1
    middle = root + data.size // 4
    replies = f"/comments/{root}/replies"
    path = _path(shape, root, middle)
    shown = PAGE_SIZE
    return [
        Page(f"{shape}, thread", thread_path(shape), range(root, root + shown + 1)),
        Page(f"{shape}, first replies", replies, [root, *range(root + 1, root + 1 + PAGE_SIZE)]),
        Page(f"{shape}, middle", f"{replies}?after={path}", [root, *range(middle + 1, middle + 1 + PAGE_SIZE)]),
        Page(f"{shape}, last", f"{replies}?before=zzzzzzz", [root, *range(last - PAGE_SIZE + 1, last + 1)]),
        Page(f"{shape}, permalink in the middle", f"/comments/{middle}", None),
    ]


def _path(shape: str, root: int, comment_id: int) -> str:
    """Return the path of a reply."""
    path = None
    above = range(root + 1, min(root + 8, comment_id)) if shape == "chain" else ()
    for each in (*above, comment_id):
        path = path_below(path, each)
    return path or ""


def _check(client: FlaskClient, page: Page) -> None:
    """Raise AssertionError unless the page shows what it is to show."""
    answer = client.get(page.path)
    if page.ids is None:
        if answer.status_code != 302:
            raise AssertionError(f"{page.path}: {answer.status_code}")
    else:
        check_ids(page.path, answer.data, page.ids)


def _milliseconds(client: FlaskClient, page: Page, calls: int) -> float:
    """Return how long a call takes, over so many of them."""
    wanted = 302 if page.ids is None else 200
    begin = time.perf_counter()
    for _ in range(calls):
        if client.get(page.path).status_code != wanted:
            raise AssertionError(f"{page.path}: not {wanted}")
    return (time.perf_counter() - begin) / calls * 1000
