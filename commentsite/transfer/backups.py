"""A backup of the whole database, made while the site runs, and read again before it counts as one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..clock import utc_now
from ..db import db
from ..errors import Conflict
from ..schema import current_revision, known_revisions, schema_problem
from . import archive, copying, queries, rowhash, scratch
from .ids import highest_ids, raise_highest_ids
from .manifest import BrokenBackup, Content, Manifest
from .progress import Progress
from .rowhash import TableHash

NOT_KEPT = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'"


class NoBackup(Conflict):
    """The database is none that this program knows how to bring back."""

    title = "Not backed up"


def make(out: BinaryIO, folder: Path, *, secret: str, progress: Progress) -> tuple[Manifest, list[str]]:
    """Write a backup of the app's database into `out`; return its manifest, and what of the database is not in it.

    Every comment that was acknowledged before it began is in it. `folder` is for files that are of no use later.
    Raises NoBackup where the schema is not one of this program's.
    """
    made_at = f"{utc_now():%Y-%m-%dT%H:%M:%S.%f}Z"
    path = folder / archive.DATABASE
    is_mysql = db.engine.dialect.name == "mysql"
    revision, contents, left = (_from_mysql if is_mysql else _from_sqlite)(path, progress)
    said = Manifest(
        program=version("commentsite"),
        made=made_at,
        database=db.engine.dialect.name,
        revision=revision,
        tables=contents,
        sha256=rowhash.total({name: TableHash(each.rows, each.sha256) for name, each in contents.items()}),
        file_bytes=path.stat().st_size,
        file_sha256=archive.digest(path),
    ).signed(secret)
    archive.pack(out, said, path, progress)
    out.flush()
    path.unlink()
    return said, left


def verify(file: BinaryIO, folder: Path, progress: Progress) -> Manifest:
    """Read the backup in `file` to the end and return its manifest. Raises BrokenBackup for whatever is wrong."""
    said = unpack(file, folder, progress)
    rows = sum(each.rows for each in said.tables.values())
    with archive.reading(folder / archive.DATABASE) as connection, progress("Checking", rows) as advance:
        check_rows(said, rowhash.hashes(connection, advance=advance))
    return said


def unpack(file: BinaryIO, folder: Path, progress: Progress) -> Manifest:
    """Unpack a backup into `folder` and return its manifest; its rows are still to be checked. Raises BrokenBackup."""
    path = folder / archive.DATABASE
    said = archive.unpack(file, path, progress)
    with archive.reading(path) as connection:
        if current_revision(connection) != said.revision:
            raise BrokenBackup("its database has not the revision that its manifest names")
    return said


def check_rows(said: Manifest, found: Mapping[str, TableHash]) -> None:
    """Raise BrokenBackup unless the rows that were found are those of the manifest."""
    for name in sorted(said.hashes.keys() | found.keys()):
        wanted, there = said.hashes.get(name), found.get(name)
        if wanted is None or there is None:
            raise BrokenBackup(f"the table {name:.100} is in its {'manifest' if there is None else 'database'} alone")
        if wanted.rows != there.rows:
            raise BrokenBackup(
                f"the table {name:.100} has {there.rows:,} rows, and its manifest counts {wanted.rows:,}"
            )
        if wanted != there:
            raise BrokenBackup(f"the rows of the table {name:.100} are not those that its manifest was written for")


def _known(revision: str | None) -> str:
    if revision is None or revision not in known_revisions():
        raise NoBackup(
            schema_problem()
            or f"The database has the schema {revision}, newer than this program. Use the program that made it."
        )
    return revision


def _contents(found: Mapping[str, TableHash], highest: Mapping[str, int]) -> dict[str, Content]:
    return {name: Content(each.rows, each.sha256, highest.get(name)) for name, each in found.items()}


def _from_sqlite(path: Path, progress: Progress) -> tuple[str, dict[str, Content], list[str]]:
    pooled = db.engine.raw_connection()
    try:  # it reads what was committed when it begins, and holds up nobody
        pooled.cursor().execute("VACUUM INTO ?", (str(path),))
    finally:
        pooled.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        left = driver.execute(NOT_KEPT).fetchall()
        for kind, name in left:
            quoted = name.replace('"', '""')
            driver.execute(f'DROP {kind} IF EXISTS "{quoted}"')
    with archive.reading(path) as connection:
        revision = _known(current_revision(connection))
        tables = rowhash.tables(connection)
        with progress("Reading", sum(rowhash.counts(connection, tables).values())) as advance:
            found = rowhash.hashes(connection, advance=advance)
        contents = _contents(found, highest_ids(connection, tables))
    return revision, contents, [f"{kind} {name}" for kind, name in left]


def _from_mysql(path: Path, progress: Progress) -> tuple[str, dict[str, Content], list[str]]:
    with queries.snapshot() as source:
        revision = _known(current_revision(source))
        made = scratch.Scratch(path)
        made.upgrade(revision)
        with made.connection() as target:
            contents = _copied(source, target, progress)
    return revision, contents, []


def _copied(source: Connection, target: Connection, progress: Progress) -> dict[str, Content]:
    tables, there = rowhash.tables(source), rowhash.tables(target)
    for name, table in there.items():
        if name not in tables or set(table.names) - set(tables[name].names):
            raise NoBackup(
                f"The table {name} lacks what its schema has. A migration may have been cut short: "
                "type flask --app commentsite db upgrade first"
            )
        target.execute(sa.table(name).delete())
    copying.add_missing(target, tables, there)
    with progress("Reading", sum(rowhash.counts(source, tables).values())) as advance:
        found = {name: copying.copy(source, table, target, name, advance) for name, table in tables.items()}
    highest = highest_ids(source, tables)
    raise_highest_ids(target, highest)
    return _contents(found, highest)


def summary(said: Manifest) -> str:
    """Return what a manifest says, for people."""
    lines = [f"Made {said.made} by commentsite {said.program} of {said.database}, schema {said.revision}."]
    lines += [f"  {name}: {each.rows:,} rows" for name, each in sorted(said.tables.items())]
    return "\n".join([*lines, f"SHA-256 over all rows: {said.sha256}"])
