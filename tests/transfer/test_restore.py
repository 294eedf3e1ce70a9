"""A backup brought back is the same rows, on either database; what there was stays until that is so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import URL

from commentsite.comments import operations
from commentsite.comments.forms import EditDraft
from commentsite.comments.models import Thread
from commentsite.db import db
from commentsite.transfer import restore as restoring
from commentsite.transfer import swap_mysql
from tests.conftest import upgrade_to_head
from tests.databases import SQLiteDatabases
from tests.factories import make_comment, make_comments
from tests.migrations.helpers import CONVERSATION, HEAD, db_command, version
from tests.migrations.helpers import select as rows_of
from tests.transfer.copies import backed_up, changed_manifest, contents, execute, forged, hashes, restored
from tests.transfer.copies import manifest as manifest_in
from tests.transfer.test_round_trip import talk

REPLACE = "--replace"


@pytest.fixture
def other_app(tmp_path: Path, make_app: Callable[..., Flask]) -> Flask:
    """A site without comments, on SQLite: beside the tests on MySQL it is one of the other kind."""
    (tmp_path / "other").mkdir()
    return make_app(SQLiteDatabases(tmp_path / "other", upgrade_to_head).at_head())


@pytest.fixture
def new_app(empty_database: URL, make_app: Callable[..., Flask]) -> Flask:
    """A site whose database has no tables."""
    return make_app(empty_database)


def fill(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store what visitors write, and rows as no visitor would."""
    with app.app_context():
        talk(8, monkeypatch)
    execute(app, *(statement.replace("%", "%%") for statement in CONVERSATION))


def test_restored_rows_are_the_same(
    app: Flask, new_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, monkeypatch)
    restored(new_app, backed_up(app, tmp_path / "x.zip"))
    assert hashes(new_app) == hashes(app)


def test_restored_on_sqlite_from_either_is_the_same(
    app: Flask, other_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(app, monkeypatch)
    restored(other_app, backed_up(app, tmp_path / "x.zip"))
    assert hashes(other_app) == hashes(app)
    db_command(other_app, "check")


def test_restored_on_either_from_sqlite_is_the_same(
    app: Flask, other_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(other_app, monkeypatch)
    restored(app, backed_up(other_app, tmp_path / "x.zip"))
    assert hashes(app) == hashes(other_app)
    db_command(app, "check")


def test_pages_of_the_restored_site_are_those_of_the_site(
    app: Flask, client: FlaskClient, other_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        talk(9, monkeypatch)
    restored(other_app, backed_up(app, tmp_path / "x.zip"))
    for address in ("/", "/threads", "/threads/blog/é"):
        assert other_app.test_client().get(address).text == client.get(address).text


def test_restore_of_rows_on_both_sides_is_refused(app: Flask, backup: Path) -> None:
    assert "The database has rows already, in comments. To replace" in restored(app, backup, status=1)
    assert contents(app) == ["In the backup", "After the backup"]


def test_restore_replaces_where_told_to(app: Flask, backup: Path) -> None:
    assert "was restored and compared" in restored(app, backup, REPLACE)
    assert contents(app) == ["In the backup"]


def test_ids_are_not_given_again(app: Flask, new_app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        make_comments(5)
    execute(app, "DELETE FROM comments WHERE id > 2")
    path = backed_up(app, tmp_path / "x.zip")
    restored(new_app, path)
    with new_app.app_context():
        assert make_comment().id == 6
        make_comments(3)
    restored(new_app, path, REPLACE)
    with new_app.app_context():
        assert make_comment().id > 9


def test_versions_of_threads_go_up(app: Flask, backup: Path) -> None:
    def versions() -> list[int]:
        with app.app_context():
            return list(db.session.scalars(select(Thread.version)))

    execute(app, "UPDATE threads SET version = 500")
    restored(app, backup, REPLACE)
    assert versions() == [500 + restoring.VERSION_STEP]


def test_pages_kept_by_a_running_site_are_not_shown_again(
    app: Flask, client: FlaskClient, make_app: Callable[..., Flask], database: URL, tmp_path: Path
) -> None:
    with app.app_context():
        number = make_comment("First").id
    path = backed_up(app, tmp_path / "x.zip")
    edit(app, number, "Second")
    page = client.get("/")
    assert "Second" in client.get("/").text  # kept by now
    # Without more, this brings the thread to the same version, with the same newest comment.
    other = make_app(database)
    restored(other, path, REPLACE)
    edit(other, number, "Third")
    assert "Third" in client.get("/").text
    assert client.get("/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 200


def test_visitors_of_a_running_site_are_answered_meanwhile(
    app: Flask, make_app: Callable[..., Flask], database: URL, backup: Path
) -> None:
    site, is_over, statuses = make_app(database), threading.Event(), set[int]()

    def visit(number: int) -> None:
        client = site.test_client()
        while not is_over.is_set():
            answer = client.post("/", data={"content": str(uuid4())}) if number else client.get("/")
            statuses.add(answer.status_code)

    with ThreadPoolExecutor(3) as pool:
        visits = [pool.submit(visit, number) for number in range(3)]
        for _ in range(2):
            restored(app, backup, REPLACE)
        is_over.set()
    assert [visit.exception() for visit in visits] == [None] * 3
    # MySQL refuses a reader who holds one of the tables and waits for another when they change places.
    assert statuses - {503} == {200, 303}


def edit(app: Flask, number: int, content: str) -> None:
    with app.app_context():
        operations.edit_comment(EditDraft(content, 1), number, window_minutes=10**8)


@pytest.mark.parametrize("revision", ["0004", "0007", "0010", "0014"])
def test_backup_of_an_older_revision_is_upgraded(
    app: Flask, new_app: Flask, other_app: Flask, tmp_path: Path, revision: str, backend: str
) -> None:
    with app.app_context():
        make_comments(3)
    db_command(app, "downgrade", "-x", "drop=comment_versions", revision)
    path = backed_up(app, tmp_path / "x.zip")
    for site in (new_app, other_app):
        assert f"It was brought up to the schema {HEAD}" in restored(site, path)
        assert version(site.config["SQLALCHEMY_DATABASE_URI"]) == HEAD
        assert contents(site) == ["comment 1", "comment 2", "comment 3"]
        assert "comment 3" in site.test_client().get("/").text


def test_database_of_an_older_revision_is_replaced(app: Flask, backup: Path) -> None:
    db_command(app, "downgrade", "-x", "drop=comment_versions", "0010")
    restored(app, backup, REPLACE)
    assert contents(app) == ["In the backup"]
    db_command(app, "check")


def test_database_of_a_newer_revision_is_replaced(app: Flask, backup: Path) -> None:
    execute(app, "UPDATE alembic_version SET version_num = '9999'", "ALTER TABLE comments ADD COLUMN newer INTEGER")
    restored(app, backup, REPLACE)
    assert contents(app) == ["In the backup"]
    db_command(app, "check")


def test_backup_of_a_newer_revision_is_refused(app: Flask, backup: Path, tmp_path: Path) -> None:
    with forged(backup, tmp_path) as driver:
        driver.execute("UPDATE alembic_version SET version_num = '9999'")
    changed_manifest(backup, lambda said: said.update(revision="9999"))
    assert "has the schema 9999, made by commentsite 0.1.0, which this program does not know" in restored(
        app, backup, REPLACE, status=1
    )
    assert contents(app) == ["In the backup", "After the backup"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE comments SET posted = 'yesterday'", "has a value in posted that the column does not hold"),
        ("UPDATE comments SET posted = '2017-02-30 00:00:00.000000'", "has a value in posted"),
        ("UPDATE comments SET revision = 'x'", "has a value in revision"),
        ("UPDATE comments SET revision = 1 << 40", "has a value in revision"),
        ("UPDATE comments SET content = printf('%.*c', 5000, 'x')", "has a value in content"),
        ("UPDATE comments SET content = x'00'", "has a value in content"),
        ("UPDATE threads SET version = 2147483647", "has a version that no site reaches"),
        ("UPDATE threads SET version = 'x'", "has a version that no site reaches"),
        ("DROP TABLE comment_versions", "its table comment_versions is not there"),
        ("ALTER TABLE threads DROP COLUMN closed", "its table threads is not there, or lacks columns"),
    ],
)
def test_rows_that_no_site_stores_are_refused(app: Flask, backup: Path, tmp_path: Path, change: str, said: str) -> None:
    with forged(backup, tmp_path) as driver:
        driver.execute(change)
    assert said in restored(app, backup, REPLACE, status=1)
    assert contents(app) == ["In the backup", "After the backup"]


def test_damaged_backup_changes_nothing(app: Flask, backup: Path) -> None:
    changed_manifest(backup, lambda said: said.update(file_sha256="0" * 64))
    assert "cannot be restored: its database is not the one" in restored(app, backup, REPLACE, status=1)
    assert contents(app) == ["In the backup", "After the backup"]


def test_rows_changed_after_the_backup_are_found(app: Flask, backup: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tests.transfer.copies._true_hashes", lambda *_: {})
    with forged(backup, tmp_path) as driver:
        driver.execute("UPDATE comments SET name = 'Eve'")
    assert "the rows of the table comments are not those" in restored(app, backup, REPLACE, status=1)
    assert contents(app) == ["In the backup", "After the backup"]


def test_stored_html_of_a_stranger_is_left_out(app: Flask, new_app: Flask, backup: Path, tmp_path: Path) -> None:
    with forged(backup, tmp_path, secret="another key that is long") as driver:
        driver.execute(
            "UPDATE comments SET content_html = '<script>evil()</script>', head_html = '<script>evil()</script>'"
        )
    assert "commentsite rerender" in restored(new_app, backup)
    page = new_app.test_client().get("/").text
    assert "In the backup" in page
    assert "evil" not in page


def test_stored_html_of_the_site_is_kept(app: Flask, new_app: Flask, backup: Path) -> None:
    assert "rerender" not in restored(new_app, backup)
    assert hashes(new_app)["comments"].rows == 1
    (made,) = (manifest_in(backup).hashes["comments"],)
    assert hashes(new_app)["comments"] == made


def test_tables_that_no_migration_makes_are_left_out_only_when_told_to(
    app: Flask, new_app: Flask, tmp_path: Path
) -> None:
    execute(app, "CREATE TABLE oddities (id INTEGER PRIMARY KEY)", "INSERT INTO oddities VALUES (1)")
    execute(app, "ALTER TABLE comments ADD COLUMN place VARCHAR(80)")
    path = backed_up(app, tmp_path / "x.zip")
    assert "No migration of this program makes oddities, comments.place" in restored(new_app, path, status=1)
    restored(new_app, path, "--leave-out-unknown")
    db_command(new_app, "check")


@pytest.mark.only_on("sqlite")
def test_tables_of_others_in_the_file_go_only_when_told_to(app: Flask, backup: Path) -> None:
    execute(app, "CREATE TABLE oddities (id INTEGER PRIMARY KEY)", "INSERT INTO oddities VALUES (1)")
    assert "they would go: oddities" in restored(app, backup, REPLACE, status=1)
    restored(app, backup, REPLACE, "--leave-out-unknown")
    assert contents(app) == ["In the backup"]


@pytest.mark.only_on("mysql")
def test_tables_of_others_in_the_database_stay(app: Flask, backup: Path) -> None:
    execute(app, "CREATE TABLE oddities (id INTEGER PRIMARY KEY)", "INSERT INTO oddities VALUES (1)")
    restored(app, backup, REPLACE)
    assert rows_of(app.config["SQLALCHEMY_DATABASE_URI"], "SELECT id FROM oddities") == [(1,)]


@pytest.mark.only_on("mysql")
def test_tables_with_references_are_refused(app: Flask, backup: Path) -> None:
    reference = "FOREIGN KEY (comment_id) REFERENCES comments (id)"
    execute(app, f"CREATE TABLE likes (comment_id INTEGER, {reference})")
    assert "by a foreign key" in restored(app, backup, REPLACE, status=1)
    assert contents(app) == ["In the backup", "After the backup"]


@pytest.mark.only_on("mysql")
def test_failure_on_the_server_leaves_the_site_as_it_was(
    app: Flask, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise swap_mysql.Unmovable("The server does not store it.")

    monkeypatch.setattr(swap_mysql, "_load", fail)
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    db_command(app, "downgrade", "-x", "drop=comment_versions", "0010")
    tables = rows_of(url, "SHOW TABLES")
    restored(app, backup, REPLACE, status=1)
    assert rows_of(url, "SHOW TABLES") == tables
    assert version(url) == "0010"
