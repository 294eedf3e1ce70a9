"""What a migration may not do unasked, planted: refused with nothing changed, and done where it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from commentsite import guard

from ..databases import Databases, run_sql
from .conftest import Run, Scripts
from .helpers import CONVERSATION, NEXT, db_command, make_tutorial_database, schema, select, version

MakeApp = Callable[..., Flask]

TABLES = """\
op.create_table("polls", sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(40)))
op.create_table(
    "votes",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("poll_id", sa.Integer, sa.ForeignKey("polls.id", ondelete="CASCADE")),
)
op.create_table("empty", sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(40)))"""
ROWS = (
    "INSERT INTO polls (id, title) VALUES (1, 'a'), (2, NULL), (3, 'c')",
    "INSERT INTO votes (poll_id) VALUES (1), (1), (2)",
)
AT = f"{int(NEXT) + 1:04d}"

# What is planted, and what the refusal says of it.
LOSSES = {
    "delete": ('op.execute("DELETE FROM votes WHERE poll_id = 1")', "takes 2 rows of votes away"),
    "delete with a value apart": (
        'op.get_bind().execute(sa.text("DELETE FROM votes WHERE poll_id = :n"), {"n": 1})',
        "takes 2 rows of votes away",
    ),
    "delete for each of several values": (
        'op.get_bind().execute(sa.text("DELETE FROM votes WHERE poll_id = :n"), [{"n": 1}, {"n": 2}])',
        "takes 3 rows of votes away",
    ),
    "delete by the table's object": (
        'votes = sa.table("votes", sa.column("poll_id"))\n'
        "op.get_bind().execute(votes.delete().where(votes.c.poll_id == 2))",
        "takes 1 row of votes away",
    ),
    "delete behind a comment": (
        'op.execute("/* old */ delete  from `votes` where id = 1")',
        "takes 1 row of votes away",
    ),
    "drop of a table": ('op.drop_table("votes")', "takes 3 rows of votes away"),
    "drop of a table in capitals": ('op.execute("DROP TABLE IF EXISTS votes")', "takes 3 rows of votes away"),
    "drop of a column": (
        'with op.batch_alter_table("polls") as batch_op:\n    batch_op.drop_column("title")',
        "drops 2 values of polls.title",
    ),
    "replaced rows": ('op.execute("REPLACE INTO votes (id, poll_id) VALUES (1, 2)")', "takes rows of votes away"),
    "half of a table copied": (
        'op.execute("CREATE TABLE kept (id INTEGER, poll_id INTEGER)")\n'
        'op.execute("INSERT INTO kept (id, poll_id) SELECT id, poll_id FROM votes WHERE poll_id = 1")\n'
        'op.drop_table("votes")',
        "takes 1 row of votes away",
    ),
    "rows copied without a column": (
        'op.execute("CREATE TABLE kept (id INTEGER)")\n'
        'op.execute("INSERT INTO kept (id) SELECT id FROM votes")\n'
        'op.drop_table("votes")',
        "drops 3 values of votes.poll_id",
    ),
}
ON_MYSQL = {
    "drop of two tables": ('op.execute("DROP TABLE `empty`, votes")', "takes 3 rows of votes away"),
    "truncate": ('op.execute("TRUNCATE votes")', "takes 3 rows of votes away"),
    "delete from several tables": (
        'op.execute("DELETE votes FROM votes JOIN polls ON polls.id = votes.poll_id")',
        "takes rows away, how many cannot be seen",
    ),
    "duplicates dropped": (
        'op.execute("ALTER IGNORE TABLE votes ADD UNIQUE (poll_id)")',
        "takes 3 rows of votes away",
    ),
    "comment that is run": ('op.execute("DROP /*! TABLE */ votes")', "takes 3 rows of votes away"),
}

HARMLESS = {
    "rows deleted where there are none": 'op.execute("DELETE FROM votes WHERE poll_id = 99")',
    "empty table dropped": 'op.drop_table("empty")',
    "table dropped that is not there": 'op.execute("DROP TABLE IF EXISTS unheard_of")',
    "empty column dropped": 'with op.batch_alter_table("empty") as batch_op:\n    batch_op.drop_column("title")',
    "column renamed": (
        'with op.batch_alter_table("polls") as batch_op:\n'
        '    batch_op.alter_column("title", new_column_name="question", existing_type=sa.String(40))'
    ),
    "table built anew": (
        'with op.batch_alter_table("polls", recreate="auto") as batch_op:\n'
        '    batch_op.alter_column("title", existing_type=sa.String(40), type_=sa.String(80))'
    ),
    "table copied whole": (
        'op.execute("CREATE TABLE kept (id INTEGER, poll_id INTEGER)")\n'
        'op.execute("INSERT INTO kept SELECT id, poll_id FROM votes WHERE poll_id = 1")\n'
        'op.execute("INSERT INTO kept SELECT id, poll_id FROM votes WHERE poll_id <> 1")\n'
        'op.drop_table("votes")'
    ),
    "words in a text": "op.execute(\"UPDATE polls SET title = 'DROP TABLE votes; DELETE FROM votes' WHERE id = 1\")",
    "index dropped": 'op.create_index("ix", "polls", ["title"])\nop.drop_index("ix", table_name="polls")',
}


@pytest.fixture
def empty_database(database: URL) -> URL:
    """Stands in for the fixture of this name: a database at head, so that what is planted is all that runs."""
    return database


@pytest.fixture
def polls(empty_database: URL, scripts: Scripts, run: Run) -> URL:
    """A database with three polls and their votes, which go with them."""
    scripts.plant(TABLES)
    run("upgrade")
    run_sql(empty_database, *ROWS)
    return empty_database


def found_in(url: URL) -> tuple[object, ...]:
    """Return all that a refused migration leaves as it was."""
    made = [statement for statement in schema(url) if "kept" not in statement]
    return version(url), made, select(url, "SELECT * FROM polls"), select(url, "SELECT * FROM votes")


def refused(run: Run, caplog: pytest.LogCaptureFixture, command: str = "upgrade", *arguments: str) -> str:
    """Run a command that is to be refused and return what is said."""
    run(command, *arguments, status=1)
    return caplog.text


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_refused(name: str, polls: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    before = found_in(polls)
    scripts.plant(LOSSES[name][0])
    said = refused(run, caplog)
    assert LOSSES[name][1] in said
    assert f"{AT}_planted.py, line 1" in said
    assert "(upgrade)" in said
    assert "say -x allow=loss" in said
    assert 'or write into the file: meant = {"loss": [' in said
    assert found_in(polls) == before


@pytest.mark.parametrize("name", LOSSES)
def test_loss_that_is_asked_for_happens(name: str, polls: URL, scripts: Scripts, run: Run) -> None:
    before = found_in(polls)
    scripts.plant(LOSSES[name][0])
    run("upgrade", "-x", "allow=loss")
    assert version(polls) == AT
    assert has_lost(polls, before)


def has_lost(url: URL, before: tuple[object, ...]) -> bool:
    return "votes" not in "".join(schema(url)) or found_in(url)[1:] != before[1:]


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("name", ON_MYSQL)
def test_loss_in_the_words_of_mysql_is_refused(
    name: str, polls: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    before = found_in(polls)
    scripts.plant(ON_MYSQL[name][0])
    assert ON_MYSQL[name][1] in refused(run, caplog)
    assert found_in(polls) == before


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_migration_runs(name: str, polls: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant(HARMLESS[name])
    run("upgrade")
    assert version(polls) == AT


def test_migration_that_says_what_it_means_runs(polls: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant('op.drop_table("votes")')
    path = scripts.folder / "versions" / f"{AT}_planted.py"
    path.write_text(path.read_text() + '\n\nmeant = {"loss": ["votes"]}\n')
    run("upgrade")
    assert version(polls) == AT


def test_migration_that_means_another_table_is_refused(
    polls: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    scripts.plant('op.drop_table("votes")')
    path = scripts.folder / "versions" / f"{AT}_planted.py"
    path.write_text(path.read_text() + '\n\nmeant = {"loss": ["polls"], "lock": ["votes"]}\n')
    assert "takes 3 rows of votes away" in refused(run, caplog)


def test_way_down_takes_a_column_with_its_values(polls: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant(
        'op.add_column("polls", sa.Column("place", sa.String(20)))',
        'with op.batch_alter_table("polls") as batch_op:\n    batch_op.drop_column("place")',
    )
    run("upgrade")
    run_sql(polls, "UPDATE polls SET place = 'here'")
    run("downgrade", NEXT)
    assert version(polls) == NEXT


def test_way_down_takes_no_rows_unasked(
    polls: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    scripts.plant("pass", 'op.drop_table("votes")')
    run("upgrade")
    said = refused(run, caplog, "downgrade", NEXT)
    assert "(downgrade) takes 3 rows of votes away" in said
    run("downgrade", "-x", "allow=loss", NEXT)
    assert "votes" not in "".join(schema(polls))


def test_second_table_built_anew_on_the_way_down_is_looked_at_too(
    polls: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    copy = "CREATE TABLE kept (id INTEGER)\nINSERT INTO kept SELECT id FROM votes\nDROP TABLE votes"
    back = "ALTER TABLE kept RENAME TO votes\nDROP TABLE votes"
    scripts.plant("pass", "\n".join(f'op.execute("{one}")' for one in f"{copy}\n{back}".split("\n")))
    run("upgrade")
    assert "takes 3 rows of votes away" in refused(run, caplog, "downgrade", NEXT)


@pytest.mark.parametrize("asked", ["", "everything", "loss,lock"])
def test_harm_that_nobody_knows_is_refused(asked: str, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    assert "say -x allow=loss or -x allow=cascade or -x allow=lock" in refused(
        run, caplog, "upgrade", "-x", f"allow={asked}"
    )


# Cascades.

DELETE_POLL = 'op.execute("DELETE FROM polls WHERE id = 1")'


@pytest.mark.only_on("mysql")
def test_cascade_is_refused(polls: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    before = found_in(polls)
    scripts.plant(DELETE_POLL)
    said = refused(run, caplog, "upgrade", "-x", "allow=loss")
    assert "takes rows of votes away, which refer to those of polls" in said
    assert "say -x allow=cascade" in said
    assert found_in(polls) == before


@pytest.mark.only_on("mysql")
def test_cascade_that_is_asked_for_happens(polls: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant(DELETE_POLL)
    run("upgrade", "-x", "allow=loss", "-x", "allow=cascade")
    assert select(polls, "SELECT poll_id FROM votes") == [(2,)]


# Locks.


@pytest.fixture
def big(polls: URL, monkeypatch: pytest.MonkeyPatch) -> URL:
    """The same, where a table of three rows is big."""
    monkeypatch.setattr(guard, "BIG_TABLE_ROWS", 2)
    return polls


LOCKS = {
    "type changed": 'op.alter_column("polls", "title", existing_type=sa.String(40), type_=sa.Text())',
    "lock said": 'op.execute("ALTER TABLE polls ADD COLUMN place VARCHAR(20), LOCK=SHARED")',
    "copy said": 'op.execute("ALTER TABLE polls ADD COLUMN place VARCHAR(20), ALGORITHM=COPY")',
    "character set": 'op.execute("ALTER TABLE polls CONVERT TO CHARACTER SET utf16")',
    "all rows at once": "op.execute(\"UPDATE polls SET title = 'z'\")",
}
WITHOUT_LOCK = {
    "column added": 'op.add_column("polls", sa.Column("place", sa.String(20)))',
    "index added": 'op.create_index("ix_polls_title", "polls", ["title"])',
    "index added and dropped": HARMLESS["index dropped"],
    "column renamed": HARMLESS["column renamed"],
    "lock said to be none": 'op.execute("ALTER TABLE polls ADD COLUMN place INTEGER, ALGORITHM=INPLACE, LOCK=NONE")',
    "instant": 'op.execute("ALTER TABLE polls ADD COLUMN place VARCHAR(20), ALGORITHM=INSTANT")',
    "table renamed": 'op.rename_table("polls", "surveys")\nop.rename_table("surveys", "polls")',
    "some rows": "op.execute(\"UPDATE polls SET title = 'z' WHERE id < 3\")",
}


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("name", LOCKS)
def test_lock_of_a_big_table_is_refused(
    name: str, big: URL, scripts: Scripts, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    before = found_in(big)
    scripts.plant(LOCKS[name])
    said = refused(run, caplog)
    assert "say -x allow=lock" in said
    assert f"{AT}_planted.py, line 10 (upgrade)" in said
    assert found_in(big) == before


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("name", LOCKS)
def test_lock_of_a_big_table_that_is_asked_for_happens(name: str, big: URL, scripts: Scripts, run: Run) -> None:
    before = found_in(big)
    scripts.plant(LOCKS[name])
    run("upgrade", "-x", "allow=lock")
    assert found_in(big)[1:] != before[1:]


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("name", LOCKS)
def test_small_table_is_locked_unasked(name: str, polls: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant(LOCKS[name])
    run("upgrade")
    assert version(polls) == AT


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("name", WITHOUT_LOCK)
def test_big_table_is_changed_without_a_lock(name: str, big: URL, scripts: Scripts, run: Run) -> None:
    scripts.plant(WITHOUT_LOCK[name])
    run("upgrade")
    assert version(big) == AT


def test_own_migrations_go_up_and_down_on_big_tables(
    databases: Databases, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BIG_TABLE_ROWS", 1)
    url = databases.empty()
    make_tutorial_database(url, ["first", None])
    app = make_app(url)
    db_command(app, "upgrade")
    run_sql(url, *CONVERSATION)
    db_command(app, "downgrade", "-x", "drop=comment_versions", "0001")
    assert version(url) == "0001"
    databases.drop(url)
