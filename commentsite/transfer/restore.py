"""A backup made the contents of the app's database: first a database beside it, whole and compared, then the change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..db import db, migration_engine
from ..errors import Conflict
from ..schema import head_revision, known_revisions
from . import archive, backups, copying, rowhash, swap_mysql, swap_sqlite
from .fitting import fitting
from .ids import highest_ids, raise_highest_ids
from .manifest import BrokenBackup, Manifest
from .policy import MAX_KEPT_ID
from .progress import Progress
from .rowhash import Table, TableHash
from .scratch import Scratch

# Versions and ids go on so far above those of the replaced database: it may be written to until it is replaced.
VERSION_STEP, ID_STEP = 100_000, 1000
MAX_VERSION = 2_000_000_000
STORED_HTML = {"content_html": None, "renderer": None, "head_html": None, "look": None}


class NotRestored(Conflict):
    """The database stays as it is, for a reason that somebody can decide about."""

    title = "Not restored"


@dataclass(frozen=True)
class Replaced:
    """What the database held: its tables, and the highest version and ids it gave."""

    tables: Mapping[str, Table]
    filled: frozenset[str]
    version: int
    ids: Mapping[str, int]


@dataclass(frozen=True)
class Outcome:
    """The manifest of what was restored, the revision it has now, and whether stored HTML was left out."""

    manifest: Manifest
    revision: str
    without_html: bool


def restore(
    file: BinaryIO,
    folder: Path,
    *,
    secret: str,
    progress: Progress,
    may_replace: bool = False,
    may_leave_out: bool = False,
) -> Outcome:
    """Make the backup in `file` the contents of the app's database, brought to the program's revision. Commits.

    The database has its old contents until the new are whole; whoever is killed may begin again. `folder` is for
    files that are of no use later. Raises BrokenBackup, and NotRestored where rows would be lost that `may_replace`
    and `may_leave_out` do not give up.
    """
    manifest = backups.unpack(file, folder, progress)
    _check_revision(manifest)
    _refuse_rows(replaced(), may_replace=may_replace)
    made = Scratch(folder / "restored.db", page_bytes=swap_sqlite.page_bytes())
    without_html = not manifest.is_signed_with(secret)
    _fill(made, manifest, folder / archive.DATABASE, progress, may_leave_out=may_leave_out)
    _bring_to_head(made)
    with made.connection() as connection:
        head = rowhash.tables(connection)
        if db.engine.dialect.name == "mysql":
            swap_mysql.recover(head)
        present = replaced()
        _refuse_rows(present, may_replace=may_replace)
        refuse_unknown(present, head.keys(), may_leave_out=may_leave_out)
        _finish(connection, present, manifest, without_html=without_html)
        wanted = fitting_hashes(connection, progress)
    revision = str(head_revision())
    if db.engine.dialect.name == "mysql":
        swap_mysql.swap(made, wanted, progress, revision=revision, known=head.keys())
    else:
        swap_sqlite.swap(made, wanted, progress)
    return Outcome(manifest, revision, without_html)


def fitting_hashes(connection: Connection, progress: Progress) -> dict[str, TableHash]:
    """Return the hashes of all tables, of which every value fits its column. Raises BrokenBackup."""
    found = rowhash.tables(connection)
    with progress("Comparing", sum(rowhash.counts(connection, found).values())) as advance:
        return {
            name: rowhash.hash_of(table, fitting(table, rowhash.batches(connection, table)), advance)
            for name, table in found.items()
        }


def _check_revision(manifest: Manifest) -> None:
    if manifest.revision not in known_revisions():
        raise BrokenBackup(
            f"it has the schema {manifest.revision}, made by commentsite {manifest.program}, which this program does "
            "not know: bring the program up to date"
        )


def replaced() -> Replaced:
    """Return what the database holds now."""
    engine = migration_engine()
    try:
        with engine.connect() as connection:
            found = rowhash.tables(connection)
            # What a restore that was killed left is no row of the site.
            tables = {name: table for name, table in found.items() if not name.startswith(swap_mysql.NEW)}
            filled = frozenset(name for name in tables if _has_rows(connection, name))
            version = 0
            if "threads" in tables and "version" in tables["threads"].names:
                highest: sa.ColumnClause[int] = sa.column("version")
                statement = sa.select(sa.func.max(highest)).select_from(sa.table("threads"))
                version = connection.execute(statement).scalar_one() or 0
            return Replaced(tables, filled, version, highest_ids(connection, tables))
    finally:
        if engine is not db.engine:
            engine.dispose()


def _has_rows(connection: Connection, name: str) -> bool:
    rows = sa.select(sa.literal(1)).select_from(sa.table(name)).limit(2 if name == "threads" else 1)
    # The first thread is there from the beginning.
    return len(connection.execute(rows).all()) > (name == "threads")


def _refuse_rows(present: Replaced, *, may_replace: bool) -> None:
    if present.filled and not may_replace:
        raise NotRestored(
            f"The database has rows already, in {', '.join(sorted(present.filled))}. "
            "To replace all of them by the backup, add --replace; make a backup of them first."
        )


def refuse_unknown(present: Replaced, known: Collection[str], *, may_leave_out: bool) -> None:
    """Raise where an SQLite file, which is replaced whole, has rows that no backup of this program brings back."""
    lost = sorted(present.filled - set(known))
    if lost and not may_leave_out and db.engine.dialect.name == "sqlite":
        raise NotRestored(
            f"The database has tables that no migration of this program makes, and they would go: {', '.join(lost)}. "
            "To let them go, add --leave-out-unknown."
        )


def _fill(made: Scratch, manifest: Manifest, path: Path, progress: Progress, *, may_leave_out: bool) -> None:
    """Bring a new database to the revision of a backup and copy its rows; compare them on both sides."""
    made.upgrade(manifest.revision)
    with archive.reading(path) as source, made.connection() as target:
        tables, there = rowhash.tables(source), rowhash.tables(target)
        kept = _kept(tables, there, may_leave_out=may_leave_out)
        for name in there:
            target.execute(sa.table(name).delete())
        with progress("Reading", 2 * sum(each.rows for each in manifest.tables.values())) as advance:
            read = {}
            for name, table in tables.items():
                if name in kept:
                    read[name] = copying.copy(source, kept[name], target, name, advance)
                    stored = rowhash.hash_of(kept[name], rowhash.batches(target, kept[name]), advance)
                    if stored != read[name]:
                        raise BrokenBackup(f"the table {name} cannot be stored as it is")
                if name not in kept or kept[name].names != table.names:
                    read[name] = rowhash.hash_of(table, rowhash.batches(source, table))
        backups.check_rows(manifest, read)


def _kept(tables: Mapping[str, Table], there: Mapping[str, Table], *, may_leave_out: bool) -> dict[str, Table]:
    """Return what of the tables of a backup the migrations make; raise where that is not all, or not enough."""
    unmade = sorted(tables.keys() - there.keys())
    for name in sorted(there):
        names = tables[name].names if name in tables else []
        if set(there[name].names) - set(names):
            raise BrokenBackup(f"its table {name} is not there, or lacks columns that its revision has")
        unmade += [f"{name}.{column}" for column in names if column not in there[name].names]
    if unmade and not may_leave_out:
        raise NotRestored(
            f"No migration of this program makes {', '.join(unmade)}, which the backup has. Restore it with the "
            "program that has those migrations; or, to leave them out, add --leave-out-unknown."
        )
    return {name: tables[name].only(there[name].names) for name in there}


def _bring_to_head(made: Scratch) -> None:
    """Run the migrations that came after the backup. Raises NotRestored where they lose rows."""
    with made.connection() as connection:
        before = rowhash.counts(connection, rowhash.tables(connection))
    made.upgrade()
    with made.connection() as connection:
        there = rowhash.tables(connection)
        after = rowhash.counts(connection, there.keys() & before.keys())
    lost = sorted(name for name, count in before.items() if after.get(name, 0) < count)
    if lost:
        raise NotRestored(f"The migrations after the backup's revision lose rows of {', '.join(lost)}.")


def _finish(connection: Connection, present: Replaced, manifest: Manifest, *, without_html: bool) -> None:
    """Raise versions and ids above all that was ever shown; take out stored HTML that may be a stranger's."""
    raise_versions(connection, present)
    if without_html:
        comments = sa.table("comments", *map(sa.column, STORED_HTML))
        connection.execute(comments.update().values(**STORED_HTML))
    raise_ids(connection, present, manifest)


def raise_versions(connection: Connection, present: Replaced) -> None:
    """Give threads versions that no kept page has. Raises BrokenBackup where one is that no site reaches."""
    threads = sa.table("threads", sa.column("version"))
    highest = connection.execute(sa.select(sa.func.max(threads.c.version))).scalar_one() or 0
    if not isinstance(highest, int) or highest > MAX_VERSION:
        raise BrokenBackup("a thread of it has a version that no site reaches")
    connection.execute(threads.update().values(version=max(highest, present.version) + VERSION_STEP))


def raise_ids(connection: Connection, present: Replaced, manifest: Manifest) -> None:
    """Have tables go on above all ids that the backup or the replaced database gave."""
    ids = highest_ids(connection, rowhash.tables(connection))
    for name, given in present.ids.items():
        if name in ids:
            ids[name] = max(ids[name], given + ID_STEP if present.filled else given)
    for name, content in manifest.tables.items():
        if name in ids and content.highest_id and content.highest_id <= MAX_KEPT_ID:
            ids[name] = max(ids[name], content.highest_id)
    raise_highest_ids(connection, ids)
