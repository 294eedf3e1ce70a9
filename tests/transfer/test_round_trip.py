"""What goes out and comes in again is the same rows, on either database, whatever visitors did before."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from commentsite.comments import operations, queries
from commentsite.comments.forms import CommentDraft, EditDraft
from commentsite.comments.models import Comment, Thread
from commentsite.db import Base, db
from commentsite.errors import SiteError
from tests.conftest import upgrade_to_head
from tests.databases import SQLiteDatabases
from tests.factories import MOMENT
from tests.transfer.files import body, run

EVER = 10**8
KEYS = ["/", "/blog/é", "/😀"]
TEXTS = ["*Hi*", "Grüße 🐍", "a\u2028b", '"\\u0000"', "x" * 4096, "مرحبا", "  \n> quoted\n"]
NAMES = [None, "Ann", "Ärger", "李"]


@pytest.fixture
def other_app(tmp_path: Path, make_app: Callable[..., Flask]) -> Flask:
    """A site without comments, on SQLite: beside the tests on MySQL it is one of the other kind."""
    (tmp_path / "other").mkdir()
    return make_app(SQLiteDatabases(tmp_path / "other", upgrade_to_head).at_head())


def talk(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what visitors do, at random."""
    chance, now = random.Random(seed), [MOMENT]  # noqa: S311
    monkeypatch.setattr(operations, "utc_now", lambda: now[0])
    for _ in range(60):
        now[0] += timedelta(microseconds=chance.choice([0, 1, 7_000_000]))
        numbers = list(db.session.scalars(select(Comment.id)))
        try:
            _do(chance, numbers)
        except SiteError:
            continue  # such as a reply to what was deleted


def _do(chance: random.Random, numbers: list[int]) -> None:
    deed, number = chance.choice(["post", "post", "reply", "reply", "edit", "delete"]), chance.choice(numbers or [1])
    text = f"{chance.choice(TEXTS)[:4000]}{chance.random()}"
    if deed == "edit":
        revision = queries.comment_by_id(number).revision
        operations.edit_comment(EditDraft(text, revision), number, window_minutes=EVER)
    elif deed == "delete":
        operations.delete_comment(number, window_minutes=EVER)
    else:
        key = chance.choice(KEYS)
        if deed == "reply":
            key = queries.thread_of(queries.comment_by_id(number)).key
        draft = CommentDraft(text, chance.choice(NAMES), parent_id=number if deed == "reply" else None)
        operations.post_comment(draft, thread_key=key, sender=chance.choice("ab"), secret="s")


def rows(app: Flask) -> dict[str, list[Any]]:
    """Return all rows, but for what is another there: ids of threads and versions, post keys."""
    with app.app_context():
        tables = {each: Base.metadata.tables[each] for each in ("threads", "comments", "comment_versions")}
        keys = {row.id: row.key for row in db.session.execute(select(Thread.id, Thread.key))}
        found: dict[str, list[Any]] = {}
        for name, table in tables.items():
            left = {"version", "post_key", "post_key_shifted"} | ({"id"} if name != "comments" else set())
            columns = [column for column in table.columns if column.name not in left]
            listed = [dict(row._mapping) for row in db.session.execute(select(*columns).order_by(table.c.id))]
            found[name] = [{**row, "thread_id": keys.get(row.get("thread_id"))} for row in listed]
        return found


@pytest.mark.parametrize("seed", range(4))
def test_round_trip_is_the_same(
    app: Flask, other_app: Flask, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        talk(seed, monkeypatch)
    first = body(app, tmp_path / "first.jsonl")
    run(other_app.test_cli_runner(), "import", str(tmp_path / "first.jsonl"))
    assert body(other_app, tmp_path / "second.jsonl") == first
    assert rows(other_app) == rows(app)


@pytest.mark.parametrize("seed", range(4, 6))
def test_round_trip_from_sqlite_is_the_same(
    app: Flask, other_app: Flask, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with other_app.app_context():
        talk(seed, monkeypatch)
    first = body(other_app, tmp_path / "first.jsonl")
    run(app.test_cli_runner(), "import", str(tmp_path / "first.jsonl"))
    assert body(app, tmp_path / "second.jsonl") == first
    assert rows(other_app) == rows(app)


def test_two_sites_become_one(app: Flask, other_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, site in enumerate((app, other_app)):
        with site.app_context():
            talk(seed + 10, monkeypatch)
    theirs, ours = rows(other_app), rows(app)
    body(other_app, tmp_path / "x.jsonl")
    for _ in range(2):
        run(app.test_cli_runner(), "import", str(tmp_path / "x.jsonl"))
    both = rows(app)
    for table in ("comments", "comment_versions"):
        assert sorted(str(row["content"]) for row in both[table]) == sorted(
            str(row["content"]) for row in (*ours[table], *theirs[table])
        )
    assert sum(row["comment_count"] for row in both["threads"]) == sum(
        row["comment_count"] for row in (*ours["threads"], *theirs["threads"])
    )


def test_pages_of_the_copy_are_those_of_the_site(
    app: Flask, other_app: Flask, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        talk(1, monkeypatch)
    body(app, tmp_path / "x.jsonl")
    run(other_app.test_cli_runner(), "import", str(tmp_path / "x.jsonl"))
    for address in ("/", "/threads", "/threads/blog/é", "/threads/😀"):
        assert other_app.test_client().get(address).text == client.get(address).text
