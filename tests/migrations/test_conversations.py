"""The steps that came with replies, authors and edits, down and up again with all of these in the tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from commentsite.db import db

from ..databases import Databases, run_sql
from .helpers import (
    CONVERSATION,
    connected,
    contents,
    db_command,
    make_tutorial_database,
    rows,
    schema,
    select,
    version,
)

MakeApp = Callable[..., Flask]

STEPS = {
    "0011": ["name", "email", "website", "mark"],
    "0012": ["parent_id", "root_id", "path", "reply_count"],
    "0013": [],
    "0014": ["content_html", "renderer", "head_html", "look"],
    "0015": ["revision", "edited", "deleted"],
    "0016": [],
    "0017": [],
}
OF_COMMENTS = [name for names in STEPS.values() for name in names]
BEFORE_ALL = "0010"
DROP_VERSIONS = ("-x", "drop=comment_versions")


def before(revision: str) -> str:
    return f"{int(revision) - 1:04d}"


@pytest.fixture
def site(database: URL, make_app: MakeApp) -> Flask:
    """An app on a database at head with the conversation in it."""
    run_sql(database, *CONVERSATION)
    return make_app(database)


@pytest.fixture
def older(empty_database: URL, make_app: MakeApp) -> Flask:
    """An app on a database as the release before had it, with comments."""
    make_tutorial_database(empty_database, ["first", None, "🎈" * 4096])
    app = make_app(empty_database)
    db_command(app, "upgrade", BEFORE_ALL)
    return app


# Up.


def test_comments_from_before_are_of_nobody_and_reply_to_nothing(older: Flask, empty_database: URL) -> None:
    db_command(older, "upgrade")
    found = rows(empty_database, "comments")
    said = {name: set(found[name]) for name in OF_COMMENTS}
    assert (said.pop("reply_count"), said.pop("revision")) == ({0}, {1})
    assert said == {name: {None} for name in said}


def test_threads_from_before_are_open(older: Flask, empty_database: URL) -> None:
    db_command(older, "upgrade")
    assert rows(empty_database, "threads")["closed"] == [None]


@pytest.mark.parametrize("revision", STEPS)
def test_each_step_up_keeps_what_is_there(revision: str, older: Flask, empty_database: URL) -> None:
    db_command(older, "upgrade", before(revision))
    kept = {table: rows(empty_database, table) for table in ("comments", "threads")}
    db_command(older, "upgrade", revision)
    for table, columns in kept.items():
        now = rows(empty_database, table)
        assert {name: now[name] for name in columns} == columns


def test_older_program_goes_on_at_head(database: URL) -> None:
    run_sql(
        database,
        "INSERT INTO comments (content, posted, thread_id) VALUES ('older', '2026-11-22 08:00:00.000000', 7)",
        "INSERT INTO threads (id, `key`, comment_count, version) VALUES (7, '/blog', 1, 1)",
    )
    assert select(database, "SELECT content, reply_count, revision FROM comments") == [("older", 0, 1)]


# Down.


@pytest.mark.parametrize("revision", STEPS)
def test_each_step_down_takes_its_own_columns_and_nothing_else(revision: str, site: Flask, database: URL) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, revision)
    held = rows(database, "comments")
    db_command(site, "downgrade", *DROP_VERSIONS, before(revision))
    assert rows(database, "comments") == {name: held[name] for name in held if name not in STEPS[revision]}


@pytest.mark.parametrize("revision", STEPS)
def test_each_step_down_and_up_again_ends_in_the_same_schema(revision: str, site: Flask, database: URL) -> None:
    right, held = schema(database), contents(database)
    db_command(site, "downgrade", *DROP_VERSIONS, before(revision))
    db_command(site, "upgrade")
    assert (schema(database), contents(database)) == (right, held)
    db_command(site, "check")


def test_replies_and_deleted_comments_are_ordinary_ones_after_the_way_down(site: Flask, database: URL) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, BEFORE_ALL)
    texts = ["edited 🎈", "reply 🎈", "reply to the reply", "reply to the deleted", None]
    assert contents(database) == list(enumerate(texts, 9001))
    assert set(rows(database, "comments")["thread_id"]) == {7}


def test_way_down_counts_deleted_comments_again(site: Flask, database: URL) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, "0014")
    found = rows(database, "threads")
    assert (found["id"], found["comment_count"], found["version"]) == ([1, 7], [0, 5], [1, 10])
    assert str(found["latest"][1]) == "2026-11-22 08:05:00.000001"


def test_way_down_that_was_cut_short_counts_deleted_comments_once(site: Flask, database: URL) -> None:
    run_sql(database, "UPDATE threads SET comment_count = 5, latest = '2026-11-22 08:05:00.000001' WHERE id = 7")
    db_command(site, "downgrade", *DROP_VERSIONS, "0014")
    assert rows(database, "threads")["comment_count"] == [0, 5]


def test_comments_are_flat_after_the_way_back(site: Flask, database: URL) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, BEFORE_ALL)
    db_command(site, "upgrade")
    found = select(database, "SELECT DISTINCT parent_id, root_id, path, reply_count FROM comments")
    assert found == [(None, None, None, 0)]


@pytest.mark.parametrize("revision", ["0010", "0011", "0012", "0013", "0014", "0015", "0016"])
def test_ids_are_not_used_again_after_each_step_down(revision: str, site: Flask, database: URL) -> None:
    run_sql(database, "DELETE FROM comments WHERE id > 9001", "DELETE FROM threads WHERE id = 7")
    db_command(site, "downgrade", *DROP_VERSIONS, revision)
    run_sql(
        database,
        "INSERT INTO comments (content, posted) VALUES ('new', '2026-11-22 10:00:00.000000')",
        "INSERT INTO threads (`key`, comment_count, version) VALUES ('/new', 1, 1)",
    )
    assert (rows(database, "comments")["id"], rows(database, "threads")["id"]) == ([9001, 9006], [1, 8])


# Earlier versions, which a step down would drop.


def test_downgrade_that_would_drop_versions_is_refused(
    site: Flask, database: URL, caplog: pytest.LogCaptureFixture
) -> None:
    db_command(site, "downgrade", "0015", status=1)
    assert "say -x drop=comment_versions" in caplog.text
    assert rows(database, "comment_versions")["content"] == ["first 🎈", None]


@pytest.mark.only_on("sqlite")
def test_downgrade_that_would_drop_versions_changes_nothing(site: Flask, database: URL) -> None:
    made = schema(database), version(database)
    db_command(site, "downgrade", "0010", status=1)
    assert (schema(database), version(database)) == made


def test_downgrade_drops_versions_where_it_is_asked_for(site: Flask, database: URL) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, "0015")
    assert not any("comment_versions" in statement for statement in schema(database))


def test_downgrade_without_versions_need_not_be_asked_for(site: Flask, database: URL) -> None:
    run_sql(database, "DELETE FROM comment_versions")
    db_command(site, "downgrade", BEFORE_ALL)
    assert version(database) == BEFORE_ALL


def test_dropping_versions_is_not_dropping_comments(site: Flask, database: URL) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, "base", status=1)
    assert len(contents(database)) == 5


def test_downgrade_to_base_takes_both_words(site: Flask, database: URL) -> None:
    db_command(site, "downgrade", "-x", "drop=comments", *DROP_VERSIONS, "base")
    assert [statement for statement in schema(database) if "comment" in statement] == []


@pytest.mark.parametrize("asked", ["threads", "", "comments,comment_versions"])
def test_table_that_no_step_drops_is_refused(
    asked: str, site: Flask, database: URL, caplog: pytest.LogCaptureFixture
) -> None:
    db_command(site, "downgrade", *DROP_VERSIONS, "-x", f"drop={asked}", BEFORE_ALL, status=1)
    assert "say -x drop=comment_versions or -x drop=comments" in caplog.text
    assert version(database) == "0017"


# What `db check` does not see.

COLUMNS = """
SELECT table_name, column_name, column_type, is_nullable, column_default, collation_name
FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, column_name
"""
INDEXES = """
SELECT table_name, index_name, non_unique, seq_in_index, column_name
FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index
"""


@pytest.mark.only_on("mysql")
def test_columns_have_the_types_they_need(database: URL) -> None:
    found = {f"{table}.{name}": (kind, collation) for table, name, kind, _, _, collation in select(database, COLUMNS)}
    assert found["comments.path"] == ("varchar(56)", "ascii_bin")
    assert found["comments.content_html"][0] == "mediumtext"
    moments = ["comments.edited", "comments.deleted", "comment_versions.written", "threads.closed"]
    assert {found[name][0] for name in moments} == {"datetime(6)"}


@pytest.mark.only_on("mysql")
def test_words_of_writers_take_every_character(database: URL) -> None:
    found = {f"{table}.{name}": str(collation) for table, name, _, _, _, collation in select(database, COLUMNS)}
    words = [f"comments.{name}" for name in ("content", "name", "website", "content_html", "head_html")]
    assert {found[name].split("_")[0] for name in [*words, "comment_versions.content"]} == {"utf8mb4"}


@pytest.mark.only_on("mysql")
def test_paths_are_in_the_order_of_their_bytes(site: Flask, database: URL) -> None:
    found = select(database, "SELECT path FROM comments WHERE root_id = 9001 ORDER BY path")
    assert found == [("A",), ("Ab",), ("a",), ("aB",)]


def structure(url: URL) -> list[tuple[object, ...]]:
    """Return what makes up each table, columns in the order of their names, since migrations add theirs at the end."""
    if url.get_backend_name() == "mysql":
        return [row for row in select(url, COLUMNS) + select(url, INDEXES) if row[0] != "alembic_version"]
    found: list[tuple[object, ...]] = []
    for statement in schema(url):
        head, _, parts = statement.partition("(")
        found.append((head, *(sorted(parts.split(",")) if "TABLE" in head else [parts])))
    return found


def test_migrations_make_the_tables_of_the_models(database: URL, databases: Databases) -> None:
    of_models = databases.empty()
    with connected(of_models) as connection:
        db.metadata.create_all(connection)
    assert len(structure(database)) > 10
    assert structure(database) == structure(of_models)
    databases.drop(of_models)
