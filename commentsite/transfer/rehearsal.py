"""A copy of the site's database, made of its backup, for migrations to be tried on: a file, or a database beside it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ..db import db, migration_engine
from . import archive, copying, rowhash
from .manifest import Manifest
from .progress import Progress
from .scratch import MigrationFailed, Scratch, app_on, migrate_app

PREFIX = "commentsite_rehearsal_"
MARK = "commentsite_rehearsal"  # the table that says of which database a copy is
IDLE_SECONDS = 8 * 3600
# MySQL and MariaDB: access denied to a database, a command denied on a table, a privilege needed.
NOT_ALLOWED = frozenset({1044, 1142, 1227})


class CannotRehearse(Exception):
    """Why there can be no copy, in words."""


class Copy(Protocol):
    """A copy of the site's database."""

    def upgrade(self, revision: str = "head", arguments: Sequence[str] = ()) -> None: ...

    def connection(self) -> AbstractContextManager[Connection]: ...


@contextmanager
def copy(manifest: Manifest, folder: Path, progress: Progress) -> Iterator[Copy]:
    """Give a copy with the rows of the backup that was unpacked into `folder`; it is gone when it is left.

    Raises CannotRehearse where the account may make no database.
    """
    if db.engine.dialect.name == "sqlite":
        yield Scratch(folder / archive.DATABASE)
        return
    with _database_beside() as (connection, name):
        made = OnServer(name)
        _fill(connection, made, manifest, folder / archive.DATABASE, progress)
        yield made


class OnServer:
    """The database `name` on the server of the app's."""

    def __init__(self, name: str) -> None:
        self._app = app_on(db.engine.url.set(database=name))

    def upgrade(self, revision: str = "head", arguments: Sequence[str] = ()) -> None:
        """Run the migrations up to `revision`. Raises what they raise."""
        with self._app.app_context():
            migrate_app(revision, arguments)
            db.engine.dispose()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection."""
        with self._app.app_context():  # for no longer: else the site's database would be taken for this one
            engine = migration_engine()
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


@contextmanager
def _database_beside() -> Iterator[tuple[Connection, str]]:
    """Make a database beside the app's; give a connection to the app's and its name. Drops it, and what others left."""
    engine = migration_engine()
    source = str(engine.url.database)
    own = f"{PREFIX}{hashlib.sha256(source.encode()).hexdigest()[:12]}_"
    name = own + secrets.token_hex(4)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET SESSION wait_timeout = {IDLE_SECONDS:d}")
            _drop_left(connection, own, source)
            # Held for as long as this process needs the database: who finds it free may drop it.
            connection.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": name})
            try:
                _create(connection, name, source)
                connection.commit()
                yield connection, name
            finally:
                _drop(name)
    finally:
        engine.dispose()


def _drop(name: str) -> None:
    """Drop a database where there is such, on a connection of its own: that of the rehearsal may be gone."""
    engine = migration_engine()
    try:
        with engine.connect() as connection:
            if _names(connection, re.compile(re.escape(name))):
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS `{name}`")
    finally:
        engine.dispose()


def _names(connection: Connection, pattern: re.Pattern[str]) -> list[str]:
    return [name for (name,) in connection.exec_driver_sql("SHOW DATABASES") if pattern.fullmatch(str(name))]


def _drop_left(connection: Connection, own: str, source: str) -> None:
    """Drop the copies of this database that killed processes left: named as ours, marked as ours or empty, unused."""
    for name in _names(connection, re.compile(re.escape(own) + "[0-9a-f]{8}")):
        is_used = connection.execute(sa.text("SELECT IS_USED_LOCK(:name)"), {"name": name}).scalar() is not None
        tables = {table for (table,) in connection.exec_driver_sql(f"SHOW TABLES FROM `{name}`")}
        if is_used or (tables and MARK not in tables):
            continue
        if tables and connection.exec_driver_sql(f"SELECT source FROM `{name}`.{MARK}").scalar() != source:  # noqa: S608
            continue
        connection.exec_driver_sql(f"DROP DATABASE `{name}`")


def _create(connection: Connection, name: str, source: str) -> None:
    charset = sa.text(
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
        "WHERE schema_name = DATABASE()"
    )
    letters, order = connection.execute(charset).one()
    try:
        connection.exec_driver_sql(f"CREATE DATABASE `{name}` CHARACTER SET {letters} COLLATE {order}")
        connection.exec_driver_sql(
            f"CREATE TABLE `{name}`.{MARK} (source VARCHAR(64) CHARACTER SET utf8mb4 PRIMARY KEY)"
        )
    except DBAPIError as error:
        connection.rollback()
        raise _refusal(error) from None
    statement = sa.text(f"INSERT INTO `{name}`.{MARK} (source) VALUES (:source)")  # noqa: S608 - a name made here
    connection.execute(statement, {"source": source})


def _fill(connection: Connection, made: OnServer, manifest: Manifest, path: Path, progress: Progress) -> None:
    """Make the tables as they are in the app's database, and store the rows of the backup."""
    rows = sum(each.rows for each in manifest.tables.values())
    with archive.reading(path) as source, made.connection() as target, progress("Copying", rows) as advance:
        tables = rowhash.tables(source)
        try:
            target.exec_driver_sql("SET SESSION foreign_key_checks = 0")
            _make_tables(connection, target, (*tables, "alembic_version"))
            for name, table in tables.items():
                copying.copy(source, table, target, name, advance)
            stamp = sa.table("alembic_version", sa.column("version_num"))
            target.execute(stamp.insert().values(version_num=manifest.revision))
            target.commit()
        except DBAPIError as error:
            raise _refusal(error) from None


def _make_tables(connection: Connection, target: Connection, names: Iterable[str]) -> None:
    for name in names:
        quoted = connection.dialect.identifier_preparer.quote(name).replace("%", "%%")
        statement = str(connection.exec_driver_sql(f"SHOW CREATE TABLE {quoted}").one()[1])
        target.exec_driver_sql(statement.replace("%", "%%"))
    connection.rollback()


def _refusal(error: DBAPIError) -> Exception:
    """Return what is to be raised where the server refuses: a lack of rights stops no upgrade, all else does."""
    number, *said = error.orig.args if error.orig is not None else (0, str(error))
    if number in NOT_ALLOWED:
        return CannotRehearse(f"this account may make no other database ({', '.join(map(str, said))})")
    return MigrationFailed(f"the copy cannot be made: {', '.join(map(str, said))}")
