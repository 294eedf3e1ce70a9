"""How the databases carry out what a run of the site asks: by an index each time, and nothing counted or skipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pymysql
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from commentsite.comments import queries
from commentsite.comments.operations import rerender_comments
from commentsite.db import db
from commentsite.keyset import PAGE_SIZE, position_of
from tests.factories import MOMENT, make_comment, make_comments, make_replies

from .costs import note_sizes, rows_examined
from .pages import delete, edit, post

MANY = 2000
OURS = "comments|threads|comment_versions"
MIDDLE = f"{1499453220000000 + MANY // 2 * 60_000_000}-{MANY // 2}"
DEEP = str(MANY + 900)
PAGES = [
    "/",
    "/?order=oldest",
    f"/?before={MIDDLE}",
    f"/?after={MIDDLE}",
    f"/?order=oldest&before={MIDDLE}",
    f"/?order=oldest&after={MIDDLE}",
    "/threads",
    "/threads?before=1499453220000000-3",
    "/threads/of/branches",
    f"/comments/{MANY // 2}",
    f"/comments/{MANY + 1}/replies",
    f"/comments/{DEEP}",
    f"/comments/{DEEP}/reply",
]


@pytest.fixture
def site(app: Flask) -> Flask:
    """A site with a flat thread of many, and one with a chain and a fan of replies."""
    with app.app_context():
        make_comments(MANY)
        for parents in (range(-1, MANY // 2), [-1] * MANY):
            make_replies(make_comment(thread="/of/branches"), parents)
        make_comments(MANY, thread="/other", first=MOMENT + timedelta(days=9), apart=timedelta(0))
        rerender_comments(0, 10 * MANY)
        note_sizes()
    return app


@contextmanager
def sent(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements as they reach the database, values and all."""
    seen: list[str] = []
    with app.app_context():
        engine = db.engine
        engine.dispose()
    if engine.dialect.name == "sqlite":
        event.listen(engine, "checkout", lambda driver, *_: driver.set_trace_callback(seen.append))
    run = pymysql.cursors.Cursor._query

    def noted(cursor: Any, query: Any) -> Any:
        seen.append(query.decode() if isinstance(query, bytes) else query)
        return run(cursor, query)

    with monkeypatch.context() as patch:
        patch.setattr(pymysql.cursors.Cursor, "_query", noted)
        yield seen
    with app.app_context():
        engine.dispose()


def run_of_the_site(client: FlaskClient) -> None:
    """Do what visitors do: read everywhere, twice, write, reply, change and delete."""
    for address in PAGES * 2:
        assert client.get(address).status_code in (200, 302), address
    for path, fields in (("/", {}), ("/", {}), ("/", {"parent": "1"}), ("/threads/of/branches", {"parent": DEEP})):
        assert post(client, path=path, **fields).status_code == 303
    newest = int(post(client, "to be changed").location.rpartition("-")[2])
    assert edit(client, newest, "changed").status_code == 303
    assert delete(client, newest).status_code == 303


def plans(statements: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each statement that has a plan, and what is wrong with it, empty where nothing is."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.connect() as connection:
        for statement in statements:
            if not re.match("SELECT|UPDATE|DELETE", statement) or not re.search(rf"\b({OURS})\b", statement):
                continue
            explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
            rows = connection.exec_driver_sql(explain + statement.replace("%", "%%")).mappings().all()
            yield statement, "; ".join(filter(None, (_wrong(dict(row)) for row in rows)))


def _wrong(step: dict[str, Any]) -> str:
    """Say what is wrong with a step of a plan: a table of ours read from end to end."""
    if "detail" in step:
        return step["detail"] if re.match(rf"SCAN ({OURS})(?! USING (COVERING )?INDEX)", step["detail"]) else ""
    is_ours = re.fullmatch(OURS, step["table"] or "")
    return str(step) if is_ours and (step["type"] == "ALL" or not step["key"]) else ""


def test_every_statement_of_a_run_goes_by_an_index(
    site: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sent(site, monkeypatch) as seen:
        run_of_the_site(client)
    with site.app_context():
        found = list(plans(sorted(set(seen))))
    assert len(found) > 30
    assert [(statement, wrong) for statement, wrong in found if wrong] == []


def test_guard_knows_a_bad_plan(site: Flask) -> None:
    with site.app_context():
        ((_, wrong),) = plans(["SELECT id FROM comments WHERE content = '50 %'"])
    assert wrong


def test_run_counts_and_skips_nothing(site: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with sent(site, monkeypatch) as seen:
        run_of_the_site(client)
    assert len(seen) > 50
    assert [each for each in seen if re.search(r"\bCOUNT\s*\(|\bOFFSET (?!0\b)|LIMIT [1-9]\d*,", each, re.I)] == []


@pytest.mark.only_on("mysql")
def test_middle_page_examines_no_more_rows_than_the_first(site: Flask) -> None:
    def examined(before: str | None) -> int:
        # Backwards along the index; the middle's few rows are then sorted, which is counted by others.
        return rows_examined(lambda: queries.ROOTS.page(before, None, thread_id=1, look=""), "Handler_read_prev")

    with site.app_context():
        assert position_of(MIDDLE).id == MANY // 2
        assert PAGE_SIZE <= examined(MIDDLE) <= examined(None) + 1 <= PAGE_SIZE + 3
