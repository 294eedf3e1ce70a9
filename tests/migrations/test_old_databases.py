"""Databases as every revision left them, and the tutorial's own, come to head with each value as it was.

tests/data/databases/make.py wrote them down; how the rows are awkward is said in rows.py beside it.
"""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import URL

from commentsite.comments.policy import path_below

from ..data.databases.rows import CHAIN, CONTENTS, FIRST_OF_CHAIN, NAMES
from ..databases import Databases, run_sql
from .helpers import HEAD, REVISIONS, connected, db_command, rows, schema, select, version
from .test_adoption import shown_ids

MakeApp = Callable[..., Flask]

FOLDER = Path(__file__).parent.parent / "data" / "databases"
TUTORIALS = ["tutorial", "tutorial-posted"]
WITH_CHAIN = [revision for revision in REVISIONS if revision >= "0012"]

Held = dict[str, dict[str, list[Any]]]


def load(url: URL, name: str) -> None:
    """Make an empty database what was written down under `name`."""
    kind = "mariadb" if url.get_backend_name() == "mysql" else "sqlite"
    text = gzip.decompress((FOLDER / f"{name}.{kind}.sql.gz").read_bytes()).decode()
    if kind == "sqlite":
        connection = sqlite3.connect(str(url.database))
        connection.executescript(text)
        connection.close()
        return
    with connected(url) as mysql:
        for statement in text.split("\n"):
            mysql.exec_driver_sql(statement.replace("%", "%%"))


def held(url: URL) -> Held:
    """Return all values in all tables of people's words, by table and column."""
    with connected(url) as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"alembic_version", "sqlite_sequence"}
    return {table: rows(url, table) for table in sorted(tables)}


def digest(found: Held, of: Held) -> str:
    """Return a hash over the values that `found` has of the tables and columns in `of`, row for row."""
    told = hashlib.sha256()
    for table, columns in of.items():
        if not columns["id"]:
            continue  # the first thread is counted by 0010
        for values in zip(*(found[table][column] for column in columns), strict=True):
            told.update(repr((table, *values)).encode())
    return told.hexdigest()


@pytest.fixture(scope="module")
def upgraded(databases: Databases) -> Any:
    """A function that returns a fixture's URL at head, and what it held before, upgraded once for all tests."""
    made: dict[str, tuple[URL, Held]] = {}

    def upgrade(name: str, make_app: MakeApp) -> tuple[URL, Held]:
        if name not in made:
            url = databases.empty()
            load(url, name)
            app, before = make_app(url), held(url)
            if name in TUTORIALS:
                db_command(app, "stamp", "0001")
            assert version(url) == (name if name in REVISIONS else "0001")
            db_command(app, "upgrade")
            made[name] = url, before
        return made[name]

    yield upgrade
    for url, _ in made.values():
        databases.drop(url)


Upgraded = Callable[[str, MakeApp], tuple[URL, Held]]


@pytest.fixture(params=[*TUTORIALS, *REVISIONS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(name: str, upgraded: Upgraded, make_app: MakeApp) -> tuple[URL, Held]:
    return upgraded(name, make_app)


def test_every_revision_is_written_down_for_both_databases() -> None:
    kinds = ("sqlite", "mariadb")
    wanted = {f"{name}.{kind}.sql.gz" for name in [*TUTORIALS, *REVISIONS] for kind in kinds}
    assert {path.name for path in FOLDER.glob("*.gz")} == wanted


def test_every_value_is_as_it_was(old: tuple[URL, Held]) -> None:
    url, before = old
    assert version(url) == HEAD
    after = held(url)
    posted = before["comments"].get("posted", [])
    if None in posted:  # these get a time: the earliest there is
        earliest = min(value for value in posted if value is not None)
        before["comments"]["posted"] = [earliest if value is None else value for value in posted]
    assert digest(after, before) == digest(before, before)


def test_what_was_written_down_is_awkward(old: tuple[URL, Held]) -> None:
    comments = old[1]["comments"]
    assert set(CONTENTS) <= set(comments["content"])
    assert set(comments.get("name", NAMES)) == set(NAMES)


def test_old_database_ends_in_the_schema_of_a_fresh_one(old: tuple[URL, Held], database: URL) -> None:
    assert schema(old[0]) == schema(database)


def test_counts_are_true(old: tuple[URL, Held]) -> None:
    url, _ = old
    counted = "SELECT thread_id, COUNT(*), MAX(posted) FROM comments WHERE deleted IS NULL GROUP BY thread_id"
    found = {number: (count, str(latest)) for number, count, latest in select(url, counted)}
    kept = select(url, "SELECT id, comment_count, latest FROM threads")
    assert {number: (count, str(latest)) for number, count, latest in kept if count} == found
    below = dict(select(url, "SELECT root_id, COUNT(*) FROM comments WHERE root_id IS NOT NULL GROUP BY root_id"))
    assert dict(select(url, "SELECT id, reply_count FROM comments WHERE reply_count > 0")) == below


def test_site_shows_every_comment_of_the_first_thread(old: tuple[URL, Held], make_app: MakeApp) -> None:
    url, _ = old
    order = "SELECT id FROM comments WHERE thread_id = 1 AND root_id IS NULL ORDER BY posted DESC, id DESC"
    assert shown_ids(make_app(url)) == [number for (number,) in select(url, order)]


def test_site_takes_a_comment_with_an_id_of_its_own(old: tuple[URL, Held], make_app: MakeApp) -> None:
    url, before = old
    client = make_app(url).test_client()
    assert client.post("/", data={"content": "after the upgrade"}).status_code == 303
    (number,) = select(url, "SELECT id FROM comments WHERE content = 'after the upgrade'")[0]
    assert number > max(before["comments"]["id"])
    run_sql(url, f"DELETE FROM comments WHERE id = {number}")


@pytest.mark.parametrize("name", WITH_CHAIN)
def test_long_chain_is_whole(name: str, upgraded: Upgraded, make_app: MakeApp) -> None:
    url, _ = upgraded(name, make_app)
    chain = select(url, f"SELECT id, parent_id, path FROM comments WHERE root_id = {FIRST_OF_CHAIN} ORDER BY id")
    assert len(chain) == CHAIN
    paths: dict[int, str | None] = {FIRST_OF_CHAIN: None}
    for number, parent, path in chain:
        assert path == path_below(paths[parent], number)
        paths[number] = path


@pytest.mark.parametrize("name", WITH_CHAIN)
def test_site_shows_the_end_of_a_long_chain(name: str, upgraded: Upgraded, make_app: MakeApp) -> None:
    client = make_app(upgraded(name, make_app)[0]).test_client()
    last = FIRST_OF_CHAIN + CHAIN
    page = client.get(f"/comments/{last}", follow_redirects=True)
    assert page.status_code == 200
    assert f"depth {CHAIN}<" in page.text
