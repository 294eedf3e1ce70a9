"""An upgrade is rehearsed and compared, stops before it loses anything, and can be taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.engine import URL

from commentsite.comments import operations
from commentsite.comments.forms import EditDraft
from commentsite.comments.models import Comment
from commentsite.db import db
from commentsite.transfer import rehearsal, scratch
from tests.databases import Databases, run_sql
from tests.factories import make_comment, make_comments
from tests.migrations.helpers import (
    CONVERSATION,
    HEAD,
    NEXT,
    contents,
    db_command,
    make_tutorial_database,
    run_command,
    schema,
    tutorial,
    version,
)
from tests.migrations.helpers import select as rows_of
from tests.transfer.copies import execute, hashes, manifest
from tests.transfer.sites import Planted, backups_in, planting, rolled_back, upgraded

ADD = 'op.add_column("threads", sa.Column("mood", sa.String(20)))'
DELETE = 'op.execute("DELETE FROM comments WHERE id = 2")'
CHANGE = "op.execute(\"UPDATE comments SET content = 'changed' WHERE id = 2\")"
MEANT = 'meant = {"loss": ["comments", "threads"]}'


@pytest.fixture
def site(database: URL, make_app: Callable[..., Flask], tmp_path: Path) -> Flask:
    """A site at head with three comments, and a data folder."""
    (tmp_path / "data").mkdir()
    site = make_app(database, DATA_DIR=str(tmp_path / "data"))
    with site.app_context():
        make_comments(3)
    return site


@pytest.fixture
def old_site(site: Flask) -> Flask:
    """A site of an old schema, with what visitors wrote and rows as no visitor would."""
    execute(site, *(statement.replace("%", "%%") for statement in CONVERSATION))
    db_command(site, "downgrade", "-x", "drop=comment_versions", "0010")
    return site


@pytest.fixture
def new_site(empty_database: URL, make_app: Callable[..., Flask], tmp_path: Path) -> Flask:
    """A site without tables, and a data folder."""
    (tmp_path / "new").mkdir()
    return make_app(empty_database, DATA_DIR=str(tmp_path / "new"))


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Planted]:
    with planting(tmp_path / "migrations") as scripts:
        yield scripts


def test_upgrade_brings_all_rows_to_head(old_site: Flask, database: URL) -> None:
    before = contents(database)
    said = upgraded(old_site)
    assert (version(database), contents(database)) == (HEAD, before)
    assert "All rows there were are as before." in said
    assert "Rehearsed on a copy: the migrations took" in said
    db_command(old_site, "check")


def test_upgrade_backs_up_first(old_site: Flask) -> None:
    upgraded(old_site)
    (path,) = backups_in(old_site)
    assert path.name.startswith(f"before-{HEAD}-")
    assert manifest(path).revision == "0010"


def test_upgrade_from_the_tutorial(new_site: Flask, empty_database: URL) -> None:
    make_tutorial_database(empty_database, ["first", None, "é"])
    db_command(new_site, "stamp", "0001")
    said = upgraded(new_site, "-x", "posted=2017-07-07T18:47+00:00")
    assert "Changed on purpose" not in said
    assert contents(empty_database) == [(1, "first"), (2, None), (3, "é")]
    assert str(rows_of(empty_database, "SELECT min(posted) FROM comments")[0][0]).startswith("2017-07-07 18:47:00")


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0007", "0012", "0014", "0015", "0016"])
def test_upgrade_from_each_kind_of_schema(site: Flask, database: URL, revision: str) -> None:
    execute(site, "DELETE FROM comment_versions")
    db_command(site, "downgrade", "-x", "drop=comment_versions", revision)
    before = contents(database)
    upgraded(site)
    assert (version(database), contents(database)) == (HEAD, before)


def test_nothing_to_do_makes_no_backup(site: Flask) -> None:
    assert f"Nothing to do: the database has this program's schema, {HEAD}." in upgraded(site)
    assert backups_in(site) == []


def test_database_without_version_names_the_command(new_site: Flask, empty_database: URL) -> None:
    make_tutorial_database(empty_database, ["first"])
    assert "flask --app commentsite db stamp 0001" in upgraded(new_site, status=1)
    assert backups_in(new_site) == []


def test_newer_schema_is_refused(site: Flask, database: URL) -> None:
    execute(site, "UPDATE alembic_version SET version_num = '9999'")
    assert "The database has the schema 9999, newer than this program" in upgraded(site, status=1)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (DELETE, "comments: rows are gone: 1 (2)"),
        (CHANGE, "comments: rows have other values: 1 (2)"),
        (f'{CHANGE}\nop.execute("UPDATE comments SET revision = 9 WHERE id = 2")', "and a higher version: 1 (2)"),
        ('with op.batch_alter_table("comments") as b: b.drop_column("website")', "columns website are gone"),
        ('op.execute("DROP TABLE comment_versions")', "the table comment_versions is gone, with 2 rows"),
        ('raise ValueError("it cannot be")', "the rehearsal on a copy failed: ValueError: it cannot be"),
    ],
)
def test_rehearsal_that_goes_wrong_leaves_the_database(
    site: Flask, scripts: Planted, database: URL, step: str, why: str
) -> None:
    execute(site, *(statement.replace("%", "%%") for statement in CONVERSATION))
    before = version(database), schema(database), hashes(site, {})
    scripts.add(step, 'meant = {"loss": ["comments", "comment_versions"]}')
    said = upgraded(site, status=1)
    assert why in said
    assert "The site's database was not touched." in said
    assert (version(database), schema(database), hashes(site, {})) == before


def test_change_that_a_migration_declares_is_let_through(site: Flask, scripts: Planted, database: URL) -> None:
    scripts.add(CHANGE, 'changes = {"comments": ["content"]}')
    assert "Changed on purpose, so not compared: comments.content" in upgraded(site)
    assert version(database) == NEXT


@pytest.fixture
def unrehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise rehearsal.CannotRehearse("there is no room")

    monkeypatch.setattr(rehearsal, "copy", refuse)


@pytest.mark.usefixtures("unrehearsed")
@pytest.mark.parametrize(("step", "why"), [(DELETE, "rows are gone: 1 (2)"), (CHANGE, "have other values: 1 (2)")])
def test_loss_in_the_real_one_says_how_to_go_back(
    site: Flask, scripts: Planted, database: URL, step: str, why: str
) -> None:
    before = contents(database)
    scripts.add(step, MEANT)
    said = upgraded(site, status=1)
    assert "Not rehearsed: there is no room." in said
    assert why in said
    assert "To go back to the backup, type: commentsite rollback" in said
    rolled_back(site)
    assert (version(database), contents(database)) == (HEAD, before)


@pytest.mark.usefixtures("unrehearsed")
def test_failure_in_the_real_one_says_where_it_stands(site: Flask, scripts: Planted) -> None:
    scripts.add('raise ValueError("it cannot be")')
    said = upgraded(site, status=1)
    assert "the upgrade failed: ValueError: it cannot be" in said
    assert f"the schema {HEAD}" in said


@pytest.mark.usefixtures("unrehearsed")
def test_what_visitors_write_meanwhile_is_no_loss(
    site: Flask, scripts: Planted, monkeypatch: pytest.MonkeyPatch, database: URL
) -> None:
    migrate = scratch.migrate_app

    def with_visitors(revision: str, arguments: Any) -> None:
        if revision == NEXT:
            operations.edit_comment(EditDraft("edited", 1), 1, window_minutes=10**8)
            make_comment("meanwhile")
        migrate(revision, arguments)

    monkeypatch.setattr(scratch, "migrate_app", with_visitors)
    scripts.add(ADD)
    said = upgraded(site)
    assert "comments: rows have a higher version: 1 (1)" in said
    assert contents(database)[-1] == (4, "meanwhile")


def test_rollback_brings_rows_and_schema_back(old_site: Flask, database: URL) -> None:
    before = schema(database), hashes(old_site)
    upgraded(old_site)
    with old_site.app_context():
        make_comment("after the upgrade")
    said = rolled_back(old_site)
    assert version(database) == "0010"
    assert (schema(database), hashes(old_site)) == before
    assert "1 comments posted, 0 edited or deleted." in said


def test_rollback_keeps_what_there_was(old_site: Flask, database: URL) -> None:
    upgraded(old_site)
    with old_site.app_context():
        make_comment("after the upgrade")
    rolled_back(old_site)
    kept = backups_in(old_site)[-1]
    assert kept.name.startswith("before-rollback-")
    run_restore = old_site.test_cli_runner().invoke(args=["restore", "--replace", str(kept)])
    assert run_restore.exit_code == 0, run_restore.output
    assert contents(database)[-1][1] == "after the upgrade"


def test_rollback_and_upgrade_again(old_site: Flask, database: URL) -> None:
    upgraded(old_site)
    rolled_back(old_site)
    before = contents(database)
    upgraded(old_site, "--backup", str(Path(old_site.config["DATA_DIR"]) / "again.zip"))
    assert (version(database), contents(database)) == (HEAD, before)
    db_command(old_site, "check")


def test_rollback_asks_first(old_site: Flask, database: URL) -> None:
    upgraded(old_site)
    result = old_site.test_cli_runner().invoke(args=["rollback"], input="n\n")
    assert (result.exit_code, version(database)) == (1, HEAD)
    assert len(backups_in(old_site)) == 1


def test_rollback_to_the_tutorial_keeps_its_own_columns(new_site: Flask, empty_database: URL) -> None:
    with tutorial(empty_database, with_posted=True) as (tutorials, comment):
        tutorials.create_all()
        tutorials.session.add(comment(content="first"))
        tutorials.session.commit()
    db_command(new_site, "stamp", "0001")
    upgraded(new_site)
    rolled_back(new_site)
    with tutorial(empty_database, with_posted=True) as (tutorials, comment):
        assert [(each.content, each.posted) for each in tutorials.session.query(comment)] == [("first", None)]


@pytest.mark.only_on("mysql")
def test_rollback_of_what_cannot_be_backed_up_is_told_to(old_site: Flask, database: URL) -> None:
    upgraded(old_site)
    execute(old_site, "ALTER TABLE comments DROP COLUMN website")
    assert "To go back without, add --no-backup." in rolled_back(old_site, status=1)
    rolled_back(old_site, "--no-backup")
    assert version(database) == "0010"


def test_values_that_a_migration_fills_are_not_compared(site: Flask, database: URL) -> None:
    execute(site, "DELETE FROM comment_versions")
    db_command(site, "downgrade", "-x", "drop=comment_versions", "0003")
    execute(site, "UPDATE comments SET posted = NULL WHERE id = 2")
    assert "Changed on purpose, so not compared: comments.posted" in upgraded(site)
    assert version(database) == HEAD


def test_rollback_without_an_upgrade_wants_a_file(site: Flask) -> None:
    assert "name the backup, with commentsite rollback FILE" in rolled_back(site, status=1)


def test_rollback_goes_by_the_upgrades_of_its_own_database(
    old_site: Flask, databases: Databases, make_app: Callable[..., Flask]
) -> None:
    upgraded(old_site)
    url = databases.at_head()
    other = make_app(url, DATA_DIR=str(old_site.config["DATA_DIR"]))
    assert "no upgrade of this database" in rolled_back(other, status=1)
    with other.app_context():
        db.engine.dispose()
    databases.drop(url)


def test_rollback_refuses_a_backup_of_another_site(
    old_site: Flask, database: URL, make_app: Callable[..., Flask]
) -> None:
    upgraded(old_site)
    other = make_app(database, DATA_DIR=str(old_site.config["DATA_DIR"]), SECRET_KEY="another key that is long")
    assert "not made with this site's secret key" in rolled_back(other, status=1)
    assert version(database) == HEAD


def test_rollback_refuses_a_damaged_backup(old_site: Flask, database: URL) -> None:
    upgraded(old_site)
    (path,) = backups_in(old_site)
    path.write_bytes(path.read_bytes()[:-100])
    assert "the backup is not to be relied on, so nothing was changed" in rolled_back(old_site, status=1)
    assert version(database) == HEAD


def test_backup_goes_where_it_is_told(old_site: Flask, tmp_path: Path) -> None:
    upgraded(old_site, "--backup", str(tmp_path / "mine.zip"))
    assert manifest(tmp_path / "mine.zip").revision == "0010"
    assert "schema 0010" in rolled_back(old_site)


def test_backup_takes_the_place_of_none(old_site: Flask, tmp_path: Path, database: URL) -> None:
    (tmp_path / "mine.zip").write_text("mine")
    assert "is there already" in upgraded(old_site, "--backup", str(tmp_path / "mine.zip"), status=1)
    assert (tmp_path / "mine.zip").read_text() == "mine"
    assert version(database) == "0010"


def test_without_a_data_folder_the_place_is_asked_for(old_site: Flask, tmp_path: Path, database: URL) -> None:
    shutil.rmtree(str(old_site.config["DATA_DIR"]))
    assert "say where the backup goes, with --backup FILE" in upgraded(old_site, status=1)
    path = tmp_path / "mine.zip"
    assert f"To go back, type: commentsite rollback {path}" in upgraded(old_site, "--backup", str(path))
    rolled_back(old_site, str(path))
    assert version(database) == "0010"


@pytest.mark.only_on("sqlite")
def test_no_room_is_said_before_anything(old_site: Flask, monkeypatch: pytest.MonkeyPatch, database: URL) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "for the backup and the rehearsal, and 1,000 are free. Nothing was changed." in upgraded(old_site, status=1)
    assert version(database) == "0010"
    assert backups_in(old_site) == []


@pytest.mark.only_on("mysql")
def test_rehearsal_leaves_no_database(old_site: Flask, mysql_server: URL) -> None:
    upgraded(old_site)
    assert _copies(mysql_server) == []


@pytest.mark.only_on("mysql")
def test_copies_that_others_left_go_unless_used_or_of_others(
    old_site: Flask, mysql_server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "_drop", lambda _: None)  # as if killed
    upgraded(old_site)
    (left,) = _copies(mysql_server)
    monkeypatch.undo()
    monkeypatch.setenv("FLASK_SKIP_DOTENV", "1")
    of_other = f"{left[:-8]}00000000"
    run_sql(mysql_server, f"CREATE DATABASE {of_other}", f"CREATE TABLE {of_other}.mine (id INTEGER)")
    rolled_back(old_site)
    upgraded(old_site, "--backup", str(Path(old_site.config["DATA_DIR"]) / "again.zip"))
    assert _copies(mysql_server) == [of_other]
    run_sql(mysql_server, f"DROP DATABASE {of_other}")


def _copies(server: URL) -> list[str]:
    return [name for (name,) in rows_of(server, "SHOW DATABASES") if name.startswith(rehearsal.PREFIX)]


@pytest.mark.only_on("mysql")
def test_account_that_may_make_no_database_upgrades_unrehearsed(
    old_site: Flask, mysql_server: URL, database: URL, make_app: Callable[..., Flask]
) -> None:
    name = f"only_{database.database}"[-30:]
    run_sql(mysql_server, f"CREATE USER {name}@localhost", f"GRANT ALL ON {database.database}.* TO {name}@localhost")
    before = contents(database)
    own = make_app(database.set(username=name), DATA_DIR=str(old_site.config["DATA_DIR"]))
    said = upgraded(own)
    assert "Not rehearsed: this account may make no other database (Access denied" in said
    assert (version(database), contents(database)) == (HEAD, before)
    rolled_back(own)
    assert (version(database), contents(database)) == ("0010", before)
    run_sql(mysql_server, f"DROP USER {name}@localhost")


def test_plain_upgrade_stays(old_site: Flask, database: URL) -> None:
    run_command(database, "commentsite", "db", "upgrade")
    assert (version(database), backups_in(old_site)) == (HEAD, [])


def test_ids_go_on_after_a_rollback(old_site: Flask, database: URL) -> None:
    upgraded(old_site)
    with old_site.app_context():
        given = make_comment("after the upgrade").id
    rolled_back(old_site)
    run_command(database, "commentsite", "db", "upgrade")
    with old_site.app_context():
        db.session.rollback()
        assert make_comment("later").id > given
        assert list(db.session.scalars(select(Comment.id).where(Comment.id == given))) == []
