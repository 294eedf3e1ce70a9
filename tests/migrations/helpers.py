"""The tutorial's program as its readers have it, and what tests of migrations ask of a database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.engine import URL, Connection

from commentsite.config import CHECKOUT_DIR, MIGRATIONS_DIR

from ..conftest import SECRET, data_dir, plain
from ..databases import open_engine

SQLITE_SCHEMA = """
SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY type, name
"""
BIN = Path(sys.executable).parent

REVISIONS = sorted(path.name[:4] for path in (MIGRATIONS_DIR / "versions").glob("*.py"))
BEFORE_HEAD, HEAD = REVISIONS[-2:]
NEXT = f"{int(HEAD) + 1:04d}"

# What is written at head: a thread with an edited comment, replies two deep and a deleted comment that keeps its row.
CONVERSATION = (
    "INSERT INTO threads (id, `key`, comment_count, version, latest, closed) "
    "VALUES (7, '/blog 🎈', 4, 9, '2026-11-22 08:04:00.000001', '2026-11-22 09:00:00.000001')",
    "INSERT INTO comments (id, thread_id, posted, content, name, email, website, mark, reply_count, content_html, "
    "renderer, head_html, look, revision, edited) VALUES (9001, 7, '2026-11-22 08:01:00.000001', 'edited 🎈', "
    "'名 🎈', 'a@b.test', 'https://b.test/', 'mark', 4, '<p>edited 🎈</p>', 'plain-1', '<p>名 🎈</p>', 'bright', "
    "2, '2026-11-22 08:30:00.000001')",
    "INSERT INTO comments (id, thread_id, posted, content, parent_id, root_id, path) VALUES "
    "(9002, 7, '2026-11-22 08:02:00.000001', 'reply 🎈', 9001, 9001, 'a'), "
    "(9003, 7, '2026-11-22 08:03:00.000001', 'reply to the reply', 9002, 9001, 'aB'), "
    "(9004, 7, '2026-11-22 08:04:00.000001', 'reply to the deleted', 9005, 9001, 'Ab')",
    "INSERT INTO comments (id, thread_id, posted, content, parent_id, root_id, path, deleted) "
    "VALUES (9005, 7, '2026-11-22 08:05:00.000001', NULL, 9001, 9001, 'A', '2026-11-22 08:40:00.000001')",
    "INSERT INTO comment_versions (comment_id, revision, content, written) VALUES "
    "(9001, 1, 'first 🎈', '2026-11-22 08:01:00.000001'), (9002, 1, NULL, '2026-11-22 08:02:00.000001')",
)


@contextmanager
def tutorial(url: URL, *, with_posted: bool = False) -> Iterator[tuple[SQLAlchemy, Any]]:
    """Run the tutorial's program on `url`: its database object and its model, in an app context.

    The model is that of the tutorial's first half, or with `posted` of its second.
    """
    app = Flask("tutorial")
    app.config["SQLALCHEMY_DATABASE_URI"] = plain(url)
    db = SQLAlchemy(app)

    class Comment(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "comments"
        id = db.Column(db.Integer, primary_key=True)
        content = db.Column(db.String(4096))
        if with_posted:
            posted = db.Column(db.DateTime)

    with app.app_context():
        yield db, Comment
        db.session.remove()
        db.engine.dispose()


def make_tutorial_database(url: URL, contents: Sequence[str | None]) -> None:
    """Have the tutorial's own code make its table and store `contents` in their order."""
    with tutorial(url) as (db, comment):
        db.create_all()
        for content in contents:
            db.session.add(comment(content=content))
            db.session.flush()
        db.session.commit()


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """A connection of its own, in a transaction that is committed."""
    engine = open_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def select(url: URL, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows that `statement` finds."""
    with connected(url) as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def contents(url: URL) -> list[tuple[Any, ...]]:
    """Return id and content of every comment, by id."""
    return select(url, "SELECT id, content FROM comments ORDER BY id")


def rows(url: URL, table: str) -> dict[str, list[Any]]:
    """Return all values of `table`, those of each column by id."""
    with connected(url) as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY id"))
        names = list(found.keys())
        return {name: list(values) for name, *values in zip(names, *found.all(), strict=True)}


def posted_values(url: URL) -> list[datetime | None]:
    """Return the distinct times of all comments."""
    posted: sa.ColumnClause[datetime] = sa.column("posted", sa.DateTime())
    with connected(url) as connection:
        found = connection.execute(sa.select(posted).select_from(sa.table("comments", posted)).distinct())
        return list(found.scalars())


def version(url: URL) -> str | None:
    """Return the revision that the database is stamped with."""
    with connected(url) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def schema(url: URL) -> list[str]:
    """Return the statements that would make every table and index of the database, Alembic's own excepted."""
    with connected(url) as connection:
        if connection.dialect.name == "sqlite":
            made = connection.execute(sa.text(SQLITE_SCHEMA))
            return [_plain_sql(statement) for statement in made.scalars()]
        tables = sorted({*sa.inspect(connection).get_table_names()} - {"alembic_version"})
        made_by = [connection.execute(sa.text(f"SHOW CREATE TABLE {table}")).one()[1] for table in tables]
        return [re.sub(r" AUTO_INCREMENT=\d+", "", statement) for statement in made_by]


def _plain_sql(statement: str) -> str:
    """Return `statement` without what is no difference: how names are quoted, where lines end."""
    return re.sub(r" ?([(),]) ?", r"\1", " ".join(statement.replace('"', "").split()))


def state(url: URL) -> tuple[str | None, list[str], list[tuple[Any, ...]], int]:
    """Return all that an upgrade is to bring about: version, schema, comments, and how many times there are."""
    return version(url), schema(url), contents(url), len(posted_values(url))


def copy_database(source: URL, target: URL) -> None:
    """Make `target` what `source` is: its tables and rows, and nothing else."""
    if source.get_backend_name() == "sqlite":
        for each in Path(str(target.database)).parent.glob(f"{Path(str(target.database)).name}*"):
            each.unlink()
        shutil.copy(str(source.database), str(target.database))
        return
    with connected(target) as connection:
        default = "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = "
        ((charset,),) = select(source, f"{default} DATABASE()")
        connection.execute(sa.text(f"ALTER DATABASE CHARACTER SET {charset}"))
        for table in sa.inspect(connection).get_table_names():
            connection.execute(sa.text(f"DROP TABLE {table}"))
        for (table,) in select(source, "SHOW TABLES"):
            connection.execute(sa.text(f"CREATE TABLE {table} LIKE {source.database}.{table}"))
            connection.execute(sa.text(f"INSERT INTO {table} SELECT * FROM {source.database}.{table}"))


def db_command(app: Flask, *arguments: str, status: int = 0) -> str:
    """Run `flask db ...` on `app` within this process and return what it prints; its exit status is checked."""
    result = app.test_cli_runner().invoke(args=["db", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def command_environment(url: URL) -> dict[str, str]:
    """Return the environment in which a command finds the database at `url`."""
    settings = {"DATABASE_URL": plain(url), "SECRET_KEY": SECRET, "DATA_DIR": data_dir(url)}
    own = {name: value for name, value in os.environ.items() if not name.startswith("COV_CORE")}
    return {**own, **{f"COMMENTSITE_{name}": value for name, value in settings.items()}}


def start_command(url: URL, *command: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start a program of the virtualenv as somebody at a prompt would."""
    return subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        env=command_environment(url),
        cwd=cwd or CHECKOUT_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_command(url: URL, *command: str, cwd: Path | None = None) -> str:
    """Run such a program to its end, want status 0 and return what it prints."""
    process = start_command(url, *command, cwd=cwd)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output
