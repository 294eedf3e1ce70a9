"""Each migration goes down and up again with comments in the table, and ids are never used again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from ..databases import run_sql
from .helpers import REVISIONS, connected, contents, db_command, make_tutorial_database, schema, select, state, version

MakeApp = Callable[..., Flask]

CONTENTS = ["first", None, "", "🎈" * 4096]
ROWS = list(enumerate(CONTENTS, 1))


@pytest.fixture
def filled(empty_database: URL) -> URL:
    make_tutorial_database(empty_database, CONTENTS)
    return empty_database


def test_revisions_are_one_line_of_numbers() -> None:
    assert all(int(revision) == n for n, revision in enumerate(REVISIONS, 1))


def test_each_migration_keeps_comments_going_up(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    for revision in REVISIONS:
        db_command(app, "upgrade", revision)
        assert (version(filled), contents(filled)) == (revision, ROWS)


def test_each_migration_keeps_comments_going_down(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    for revision in reversed(REVISIONS[:-1]):
        db_command(app, "downgrade", revision)
        assert (version(filled), contents(filled)) == (revision, ROWS)


@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_migration_goes_down_and_up_again(revision: str, filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade", revision)
    before = state_at(filled)
    db_command(app, "downgrade", REVISIONS[REVISIONS.index(revision) - 1])
    db_command(app, "upgrade", revision)
    assert state_at(filled) == before


def state_at(url: URL) -> tuple[str | None, set[str], list[tuple[object, ...]]]:
    """Return version, schema and comments; unlike helpers.state at any revision."""
    return version(url), set(schema(url)) - {"CREATE TABLE sqlite_sequence(name,seq)"}, contents(url)


def test_downgrade_keeps_times(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade", "-x", "posted=2017-07-07T18:47+00:00")
    before = select(filled, "SELECT id, posted FROM comments ORDER BY id")
    db_command(app, "downgrade", "0003")
    db_command(app, "upgrade")
    assert select(filled, "SELECT id, posted FROM comments ORDER BY id") == before


def test_way_down_to_the_tutorials_table_and_back_changes_nothing(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    before = state(filled)
    db_command(app, "downgrade", "0001")
    db_command(app, "upgrade")
    assert state(filled) == before


def test_schema_has_no_differences_after_the_way_back(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    db_command(app, "downgrade", "0001")
    db_command(app, "upgrade")
    db_command(app, "check")


def test_downgrade_that_would_drop_comments_is_refused(
    filled: URL, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    db_command(app, "downgrade", "base", status=1)
    assert "There are comments, and this step would drop them" in caplog.text
    assert contents(filled) == list(enumerate(CONTENTS, 1))


def test_downgrade_to_base_leaves_no_table_where_it_is_asked_for(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    db_command(app, "downgrade", "-x", "drop=comments", "base")
    assert [table for table in schema(filled) if "comments" in table] == []


def test_downgraded_database_takes_the_tutorials_comments(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    db_command(app, "downgrade", "0001")
    run_sql(filled, "INSERT INTO comments (content) VALUES ('from the older program')")
    assert contents(filled)[-1] == (5, "from the older program")


# Threads.


def test_comments_from_before_are_in_the_first_thread(filled: URL, make_app: MakeApp) -> None:
    db_command(make_app(filled), "upgrade", "-x", "posted=2017-07-07T18:47+00:00")
    assert select(filled, "SELECT DISTINCT thread_id FROM comments") == [(1,)]
    threads = select(filled, "SELECT id, `key`, comment_count, version, latest FROM threads")
    assert [row[:4] for row in threads] == [(1, "/", len(CONTENTS), 1)]
    assert str(threads[0][4]).startswith("2017-07-07 18:47:00")


def test_first_thread_is_there_without_comments(database: URL) -> None:
    assert select(database, "SELECT `key`, comment_count, latest FROM threads") == [("/", 0, None)]


def test_way_down_from_threads_keeps_the_comments_of_all(filled: URL, make_app: MakeApp) -> None:
    app = make_app(filled)
    db_command(app, "upgrade")
    run_sql(
        filled,
        "INSERT INTO threads (id, `key`, comment_count, version) VALUES (7, '/blog', 1, 1)",
        "INSERT INTO comments (content, posted, thread_id) VALUES ('on the blog', '2017-07-07 18:47:00.000000', 7)",
    )
    before = contents(filled)
    db_command(app, "downgrade", "0006")
    assert contents(filled) == before
    db_command(app, "upgrade")
    assert select(filled, "SELECT comment_count FROM threads") == [(len(CONTENTS) + 1,)]


@pytest.mark.only_on("mysql")
def test_keys_differ_by_case_and_accents(database: URL) -> None:
    found = select(
        database,
        "SELECT collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = 'threads' AND column_name = 'key'",
    )
    assert found == [("utf8mb4_bin",)]


# What `db check` does not see.


def column(url: URL, name: str) -> tuple[object, ...]:
    """Return type, nullability, default, character set of a column of comments on MySQL."""
    found = select(
        url,
        "SELECT column_type, is_nullable, column_default, character_set_name FROM information_schema.columns "
        f"WHERE table_schema = DATABASE() AND table_name = 'comments' AND column_name = '{name}'",
    )
    return found[0]


def is_mysql(url: URL) -> bool:
    return url.get_backend_name() == "mysql"


def test_schema_keeps_microseconds_and_wants_them(database: URL) -> None:
    if is_mysql(database):
        assert column(database, "posted") == ("datetime(6)", "NO", None, None)
    else:
        assert "posted DATETIME NOT NULL," in "".join(schema(database))


def test_schema_counts_content_in_characters(database: URL) -> None:
    if is_mysql(database):
        assert column(database, "content")[:2] + column(database, "content")[3:] == ("varchar(4096)", "YES", "utf8mb4")
    else:
        assert "content VARCHAR(4096)," in "".join(schema(database))


def test_schema_has_the_indexes_of_the_queries(database: URL) -> None:
    assert indexes(database) == {
        ("ix_comments_thread_id_posted_id", False, ("thread_id", "posted", "id")),
        ("ix_comments_thread_id_root_id_posted_id", False, ("thread_id", "root_id", "posted", "id")),
        ("ix_comments_root_id_path", False, ("root_id", "path")),
        ("ix_comments_parent_id", False, ("parent_id",)),
        ("ix_comments_post_key", True, ("post_key",)),
        ("ix_comments_post_key_shifted", True, ("post_key_shifted",)),
    }


def indexes(url: URL) -> set[tuple[str, bool, tuple[str, ...]]]:
    """Return name, uniqueness and columns of each index, as the database itself describes them."""
    if is_mysql(url):
        found = select(
            url,
            "SELECT index_name, NOT MAX(non_unique), GROUP_CONCAT(column_name ORDER BY seq_in_index) "
            "FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'comments' "
            "AND index_name <> 'PRIMARY' GROUP BY index_name",
        )
        return {(name, bool(unique), tuple(columns.split(","))) for name, unique, columns in found}
    listed = select(url, "SELECT name, \"unique\" FROM pragma_index_list('comments')")
    return {
        (name, bool(unique), tuple(row[0] for row in select(url, f"SELECT name FROM pragma_index_info('{name}')")))
        for name, unique in listed
    }


# Ids are addresses, and an address is never given to another comment.

INSERT = "INSERT INTO comments (content, posted) VALUES ('new', '2017-07-07 18:47:00')"


def new_id(url: URL) -> int:
    """Store a comment and return its id."""
    run_sql(url, INSERT)
    return max(int(row[0]) for row in contents(url))


@pytest.fixture
def at_head(filled: URL, make_app: MakeApp) -> Flask:
    app = make_app(filled)
    db_command(app, "upgrade")
    return app


def test_id_of_the_newest_is_not_used_again(filled: URL, at_head: Flask) -> None:
    run_sql(filled, "DELETE FROM comments WHERE id = 4")
    assert new_id(filled) == 5


@pytest.mark.parametrize("deleted", ["id = 4", "id > 1", "1 = 1"])
def test_id_is_not_used_again_after_tables_were_built_anew(deleted: str, filled: URL, at_head: Flask) -> None:
    run_sql(filled, f"DELETE FROM comments WHERE {deleted}")
    db_command(at_head, "downgrade", "0002")
    db_command(at_head, "upgrade")
    assert new_id(filled) == 5


def test_id_is_not_used_again_where_the_newest_went_between_two_migrations(filled: URL, at_head: Flask) -> None:
    db_command(at_head, "downgrade", "0003")
    run_sql(filled, "DELETE FROM comments WHERE id = 4")
    db_command(at_head, "upgrade")
    assert new_id(filled) == 5


@pytest.mark.only_on("sqlite")
def test_table_is_named_once_in_sqlites_sequence(filled: URL, at_head: Flask) -> None:
    db_command(at_head, "downgrade", "0002")
    db_command(at_head, "upgrade")
    with connected(filled) as connection:
        assert connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'comments'").all() == [(4,)]
