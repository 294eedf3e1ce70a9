"""What migrations/env.py sees to: no row is lost unsaid, and neither the process nor other programs are disturbed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from commentsite.config import MIGRATIONS_DIR
from commentsite.db import db

from ..databases import run_sql
from .conftest import Run, Scripts
from .helpers import HEAD, connected, contents, db_command, make_tutorial_database, schema, select, version

MakeApp = Callable[..., Flask]

FAMILY = """\
op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))
op.create_table(
    "children",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE", name="fk_children_parents")),
)"""
REBUILD_PARENTS = """\
with op.batch_alter_table("parents", recreate="auto") as batch_op:
    batch_op.alter_column("name", existing_type=sa.String(20), type_=sa.String(40), nullable=True)"""
ORPHAN_CHILDREN = """\
op.execute("DELETE FROM parents WHERE id = 1")
op.add_column("parents", sa.Column("late", sa.Integer))"""


@pytest.fixture
def family(empty_database: URL, scripts: Scripts, run: Run) -> URL:
    """A database with two parents, of two children each, which go with them."""
    scripts.plant(FAMILY)
    run("upgrade")
    run_sql(
        empty_database,
        "INSERT INTO parents (id, name) VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO children (parent_id) VALUES (1), (1), (2), (2)",
    )
    return empty_database


def test_table_built_anew_loses_no_row_that_refers_to_it(family: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant(REBUILD_PARENTS)
    run("upgrade")
    assert select(family, "SELECT parent_id FROM children ORDER BY id") == [(1,), (1,), (2,), (2,)]


def test_foreign_keys_hold_after_a_migration(family: URL, scripts: Scripts, run: Run, make_app: MakeApp) -> None:
    scripts.plant(REBUILD_PARENTS)
    run("upgrade")
    app = make_app(family)
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM parents WHERE id = 1")
    assert select(family, "SELECT parent_id FROM children ORDER BY id") == [(2,), (2,)]


@pytest.mark.only_on("sqlite")
def test_migration_that_leaves_orphans_is_refused(
    family: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    scripts.plant(ORPHAN_CHILDREN)
    run("upgrade", "-x", "allow=loss", status=1)
    assert "2 rows of children refer to rows of parents that are gone; nothing was changed." in caplog.text


@pytest.mark.only_on("sqlite")
def test_migration_that_leaves_orphans_changes_nothing(family: URL, scripts: Scripts, run: Run) -> None:
    before = schema(family), version(family), select(family, "SELECT * FROM parents")
    scripts.plant(ORPHAN_CHILDREN)
    run("upgrade", "-x", "allow=loss", status=1)
    assert (schema(family), version(family), select(family, "SELECT * FROM parents")) == before


@pytest.mark.only_on("sqlite")
def test_migrations_that_fail_on_sqlite_change_nothing(family: URL, scripts: Scripts, run: Run) -> None:
    before = schema(family), version(family)
    scripts.plant('op.add_column("parents", sa.Column("late", sa.Integer))')
    scripts.plant('raise RuntimeError("half-way")')
    run("upgrade", status=1)
    assert (schema(family), version(family)) == before


@pytest.mark.only_on("sqlite")
def test_sqlite_keeps_its_ids_unused_in_a_table_built_anew_and_empty(family: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant('op.create_table("kept", sa.Column("id", sa.Integer, primary_key=True), sqlite_autoincrement=True)')
    run("upgrade")
    run_sql(family, "INSERT INTO kept VALUES (7)", "DELETE FROM kept")
    scripts.plant('with op.batch_alter_table("kept", recreate="always") as batch_op:\n    pass')
    scripts.plant('with op.batch_alter_table("kept", recreate="always") as batch_op:\n    pass')
    run("upgrade")
    run_sql(family, "INSERT INTO kept DEFAULT VALUES")
    assert select(family, "SELECT id FROM kept") == [(8,)]


def test_upgrade_leaves_loggers_on(empty_database: URL, make_app: MakeApp) -> None:
    logger = logging.getLogger("somebody's own")
    level, handlers = logging.getLogger().level, list(logging.getLogger().handlers)
    db_command(make_app(empty_database), "upgrade")
    assert not logger.disabled
    assert (logging.getLogger().level, logging.getLogger().handlers) == (level, handlers)


def test_upgrade_as_sql_is_refused(empty_database: URL, make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    db_command(make_app(empty_database), "upgrade", "--sql", status=1)
    assert "cannot be written as SQL" in caplog.text


# Others who use the tables meanwhile.


def set_patience(scripts: Scripts, *, seconds: int, attempts: int) -> None:
    env = scripts.folder / "env.py"
    text = env.read_text()
    assert "TABLE_LOCK_SECONDS = 5\nATTEMPTS = 6\nPAUSE_SECONDS = 1\n" in text
    text = text.replace(
        "TABLE_LOCK_SECONDS = 5\nATTEMPTS = 6", f"TABLE_LOCK_SECONDS = {seconds}\nATTEMPTS = {attempts}"
    )
    env.write_text(text)


def test_upgrade_waits_for_a_reader_who_takes_long(empty_database: URL, scripts: Scripts, run: Run) -> None:
    make_tutorial_database(empty_database, ["first"])
    set_patience(scripts, seconds=1, attempts=6)
    is_reading = threading.Event()

    def read() -> None:
        with connected(empty_database) as connection:
            connection.exec_driver_sql("SELECT * FROM comments").all()
            is_reading.set()
            threading.Event().wait(1.5)

    reader = threading.Thread(target=read)
    reader.start()
    is_reading.wait()
    run("upgrade")
    reader.join()
    assert version(empty_database) == HEAD


# SQLite's readers stop nobody once the file is in WAL mode.
@pytest.mark.only_on("mysql")
def test_upgrade_gives_up_on_a_reader_who_never_ends(
    empty_database: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    make_tutorial_database(empty_database, ["first"])
    set_patience(scripts, seconds=1, attempts=1)
    with connected(empty_database) as connection:
        connection.exec_driver_sql("SELECT * FROM comments").all()
        run("upgrade", status=1)
    assert "run this again" in caplog.text
    assert contents(empty_database) == [(1, "first")]


OLDER_PROGRAM_WRITES = "INSERT INTO comments (content) VALUES ('from the older program')"


# On SQLite the whole upgrade is one transaction.
@pytest.mark.only_on("mysql")
def test_comment_that_the_older_program_stores_during_the_upgrade_gets_a_time(
    empty_database: URL, scripts: Scripts, run: Run
) -> None:
    make_tutorial_database(empty_database, ["first"])
    path = scripts.folder / "versions" / "0004_require_posted.py"
    made_not_null = '        op.execute("ALTER TABLE comments MODIFY posted DATETIME(6) NOT NULL'
    assert path.read_text().count(made_not_null) == 1
    writes = f'        op.execute("{OLDER_PROGRAM_WRITES}")\n'
    path.write_text(path.read_text().replace(made_not_null, writes + made_not_null))
    run("upgrade")
    assert contents(empty_database) == [(1, "first"), (2, "from the older program")]
    assert select(empty_database, "SELECT COUNT(DISTINCT posted) FROM comments") == [(1,)]


def test_migrations_import_no_application() -> None:
    found = [path.name for path in (MIGRATIONS_DIR / "versions").glob("*.py") if "commentsite" in path.read_text()]
    assert found == []
