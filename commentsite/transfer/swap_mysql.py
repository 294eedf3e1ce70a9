"""The tables of the app's MySQL database replaced by new ones beside them, by giving all other names at once.

What is on the way has a name of its own, which says how far it got (see recover):
restore_new_ is not whole yet; restore_old_ was replaced by what is whole; restore_kept_ are the site's own tables while
the migrations make empty ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from ..clock import pause
from ..db import migration_engine
from ..errors import Conflict
from ..schema import current_revision
from . import copying, rowhash
from .ids import highest_ids, raise_highest_ids
from .progress import Progress
from .rowhash import TableHash
from .scratch import Scratch, migrate_app

NEW, OLD, KEPT = "restore_new_", "restore_old_", "restore_kept_"
REVISION = "alembic_version"
LOCK_NAME = "commentsite-restore-{}"
TABLE_LOCK_SECONDS, ATTEMPTS, PAUSE_SECONDS = 5, 6, 1
LOCK_WAIT = 1205

REFERENCES = sa.text("""
SELECT table_name, referenced_table_name FROM information_schema.referential_constraints
WHERE constraint_schema = DATABASE()
""")


class Unmovable(Conflict):
    """The tables cannot be replaced, or not now."""

    title = "Not restored"


@contextmanager
def _turn() -> Iterator[Connection]:
    """Give a connection that alone may restore into this database. Raises Unmovable where another does."""
    engine = migration_engine()
    try:
        with engine.connect() as connection:
            name = LOCK_NAME.format(hashlib.sha256(str(engine.url.database).encode()).hexdigest()[:16])
            if not connection.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar():
                raise Unmovable("Another restore into this database is running.")
            connection.execute(sa.text("SET SESSION lock_wait_timeout = :wait"), {"wait": TABLE_LOCK_SECONDS})
            connection.commit()
            yield connection
    finally:
        engine.dispose()  # and the lock goes with the connection


def recover(names: Collection[str]) -> None:
    """Put right what a restore that was killed left: the site's tables have their names again, all others are gone.

    `names` are the tables that the migrations make.
    """
    with _turn() as connection:
        _recover(connection, names)


def _recover(connection: Connection, names: Collection[str]) -> None:
    kept = _named(connection, KEPT)
    if kept:
        # What has the site's names now was made by the migrations meanwhile, and nobody wrote into it.
        _drop(connection, _present(connection, names))
        _rename(connection, {f"{KEPT}{name}": name for name in kept})
    for prefix in (NEW, OLD):
        _drop(connection, [f"{prefix}{name}" for name in _named(connection, prefix)])


def swap(
    made: Scratch, wanted: Mapping[str, TableHash], progress: Progress, *, revision: str, known: Collection[str]
) -> None:
    """Make the contents of `made`, whose hashes are `wanted`, those of the app's database, at `revision`. Commits.

    `known` are all tables that go: those that any migration of this program makes. Columns that none makes are added.
    Visitors see the old contents until all is there and compared. Raises Unmovable, after which they are as before.
    """
    with _turn() as connection, made.connection() as source:
        known = {*known, *wanted}
        _refuse_references(connection, known)
        _recover(connection, known)
        try:
            _make_new(connection, wanted.keys(), revision, known)
            _load(source, connection, wanted, progress)
        except BaseException:
            if not connection.invalidated:
                connection.rollback()
                _recover(connection, known)
            raise
        replaced = _present(connection, known)
        new = {f"{NEW}{name}": name for name in (*wanted, REVISION)}
        _rename(connection, {**{name: f"{OLD}{name}" for name in replaced}, **new})
        _drop(connection, [f"{OLD}{name}" for name in replaced])


def _make_new(connection: Connection, names: Collection[str], revision: str, known: Collection[str]) -> None:
    """Make empty tables of `revision` beside those of the site, which may have any of those `known`."""
    if current_revision(connection) != revision:
        kept = _present(connection, known)
        if kept:
            # The schema is another than the program's, so visitors are told to come back later as it is.
            _rename(connection, {name: f"{KEPT}{name}" for name in kept})
        connection.commit()
        migrate_app(revision)
        if kept:
            back = {f"{KEPT}{name}": name for name in kept}
            _rename(connection, {**{name: f"{NEW}{name}" for name in (*names, REVISION)}, **back})
            if "threads" in names:
                connection.execute(sa.table(f"{NEW}threads").delete())
            connection.commit()
            return
    for name in (*names, REVISION):
        _run(connection, f"CREATE TABLE {_quoted(connection, NEW + name)} LIKE {_quoted(connection, name)}")
    stamp = sa.table(f"{NEW}{REVISION}", sa.column("version_num"))
    connection.execute(stamp.insert().values(version_num=revision))
    connection.commit()


def _load(source: Connection, connection: Connection, wanted: Mapping[str, TableHash], progress: Progress) -> None:
    """Fill the new tables and compare them with what they were filled from."""
    tables = {name: table for name, table in rowhash.tables(source).items() if name in wanted}
    new = {f"{NEW}{name}": table for name, table in tables.items()}
    copying.add_missing(connection, new, rowhash.tables(connection))
    with progress("Storing", 2 * sum(each.rows for each in wanted.values())) as advance:
        for name, table in tables.items():
            copying.copy(source, table, connection, f"{NEW}{name}", advance)
        stored = rowhash.tables(connection)
        for name, table in tables.items():
            there = stored[f"{NEW}{name}"].only(table.names)
            if rowhash.hash_of(there, rowhash.batches(connection, there), advance) != wanted[name]:
                raise Unmovable(f"The server does not store the rows of {name} as they are. Nothing was changed.")
    connection.commit()
    raise_highest_ids(connection, highest_ids(source, tables), prefix=NEW)
    connection.commit()


def _refuse_references(connection: Connection, names: Collection[str]) -> None:
    for pair in connection.execute(REFERENCES).all():
        if set(pair) & set(names):
            raise Unmovable(
                f"The table {pair[0]} refers to {pair[1]} by a foreign key, and such tables cannot be replaced while "
                "the site runs. Drop the key, restore, and make it again. Nothing was changed."
            )


def _tables(connection: Connection) -> set[str]:
    found = set(sa.inspect(connection).get_table_names())
    connection.commit()
    return found


def _present(connection: Connection, names: Iterable[str]) -> list[str]:
    """Return which of the site's tables there are, the one of its revision among them."""
    return sorted(_tables(connection) & {*names, REVISION})


def _named(connection: Connection, prefix: str) -> list[str]:
    return sorted(name[len(prefix) :] for name in _tables(connection) if name.startswith(prefix))


def _drop(connection: Connection, names: Iterable[str]) -> None:
    for name in names:
        _run(connection, f"DROP TABLE {_quoted(connection, name)}")


def _rename(connection: Connection, names: Mapping[str, str]) -> None:
    """Give tables other names, all in one statement, which is done whole or not at all."""
    pairs = ", ".join(f"{_quoted(connection, old)} TO {_quoted(connection, new)}" for old, new in names.items())
    _run(connection, f"RENAME TABLE {pairs}")


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name).replace("%", "%%")


def _run(connection: Connection, statement: str) -> None:
    """Run a statement that wants tables for itself; let those through who wait behind it, and try again, some times."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            connection.exec_driver_sql(statement)
            connection.commit()
            return
        except OperationalError as error:
            connection.rollback()
            if error.orig is None or error.orig.args[0] != LOCK_WAIT:
                raise
            if attempt == ATTEMPTS:
                raise Unmovable(
                    "Something else holds a table that is to be replaced: end it (SHOW PROCESSLIST names it) and type "
                    "the command again."
                ) from None
            pause(PAUSE_SECONDS)
