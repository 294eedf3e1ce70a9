"""An upgrade step by step: what is to be done, the backup, the rehearsal on a copy, the real one, each compared."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ..clock import seconds_running
from ..db import db
from ..errors import Conflict
from ..schema import current_revision, declared_changes, head_revision, known_revisions, schema_problem
from . import backups, queries, rehearsal, scratch
from .comparing import Change, Comparer, Comparison
from .manifest import Manifest
from .progress import Progress
from .scratch import MigrationFailed
from .writer import whole_file

# The copy, what migrations write anew of it, and the backup; then the file itself takes its turn.
ROOM = 3


class CannotUpgrade(Conflict):
    """The schema is none that migrations lead on from, or there is no room."""

    title = "Not upgraded"


@dataclass(frozen=True)
class Plan:
    """From which revision to which, and what the migrations between change on purpose, by table."""

    revision: str
    head: str
    changes: Mapping[str, set[str]]


@dataclass(frozen=True)
class Outcome:
    """How long the migrations took, and what became of the rows."""

    seconds: float
    comparison: Comparison


def plan() -> Plan | None:
    """Return what there is to do; None where the schema is the program's. Raises CannotUpgrade."""
    head = str(head_revision())
    with db.engine.connect() as connection:
        current = current_revision(connection)
    if current == head:
        return None
    if current is None or current not in known_revisions():
        raise CannotUpgrade(
            schema_problem() or f"The database has the schema {current}, newer than this program, which knows {head}."
        )
    return Plan(current, head, declared_changes(current))


def head() -> str:
    """Return the revision that this program wants."""
    return str(head_revision())


def where_it_stands(plan: Plan) -> str:
    """Return in words what a failed upgrade left."""
    with db.engine.connect() as connection:
        current = current_revision(connection)
    if current == plan.revision and db.engine.dialect.name == "sqlite":
        return f"Nothing was changed: the database has the schema {current} as before."
    return f"The database has the schema {current} now, and perhaps a part of the next."


def check_room() -> None:
    """Raise CannotUpgrade unless the copy of an SQLite file, and what is made of it, has room beside it."""
    if db.engine.dialect.name != "sqlite":
        return
    path = Path(str(db.engine.url.database))
    needed = ROOM * path.stat().st_size
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise CannotUpgrade(
            f"{needed:,} bytes are needed in {path.parent} for the backup and the rehearsal, and {free:,} are free. "
            "Nothing was changed."
        )


def back_up(path: Path, folder: Path, *, secret: str, progress: Progress) -> Manifest:
    """Write a backup to `path` and read it again; the database in it stays unpacked in `folder`."""
    with whole_file(path) as out:
        backups.make(out, folder, secret=secret, progress=progress)
        return backups.verify(out, folder, progress)


def rehearse(plan: Plan, manifest: Manifest, folder: Path, arguments: Sequence[str], progress: Progress) -> Outcome:
    """Run the migrations on a copy. Raises MigrationFailed, and CannotRehearse where there can be no copy."""
    with rehearsal.copy(manifest, folder, progress) as copy:
        return _migrate(
            copy.connection, lambda: copy.upgrade(plan.head, arguments), plan, folder / "rehearsed.rows", progress
        )


def perform(plan: Plan, folder: Path, arguments: Sequence[str], progress: Progress) -> Outcome:
    """Run the migrations on the app's database. Raises MigrationFailed."""
    return _migrate(
        queries.snapshot,
        lambda: scratch.migrate_app(plan.head, arguments),
        plan,
        folder / "upgraded.rows",
        progress,
    )


def _migrate(
    connect: Callable[[], AbstractContextManager[Connection]],
    migrate: Callable[[], None],
    plan: Plan,
    path: Path,
    progress: Progress,
) -> Outcome:
    comparer = Comparer(path, progress)
    with connect() as connection:
        comparer.see_before(connection, plan.changes)
    begin = seconds_running()
    try:
        migrate()
    except MigrationFailed:
        raise
    except Exception as error:  # whatever somebody's migration does
        said = error.orig if isinstance(error, DBAPIError) and error.orig else error
        raise MigrationFailed(f"{type(error).__name__}: {said}") from error
    seconds = seconds_running() - begin
    with connect() as connection:
        comparer.see_after(connection)
    return Outcome(seconds, comparer.comparison())


def differences(comparison: Comparison, *, may_be_visited: bool) -> list[str]:
    """Return in words what is not as it was before.

    Where visitors may have written meanwhile, what they do is none of it: more rows, and others whose version went up.
    """
    return [said for change in comparison.changes for said in _differences(change, may_be_visited=may_be_visited)]


def _differences(change: Change, *, may_be_visited: bool) -> Iterator[str]:
    name = change.table
    if change.after is None:
        if change.before:
            yield f"the table {name} is gone, with {change.before:,} rows"
        return
    if change.lost_columns:
        yield f"{name}: the columns {', '.join(change.lost_columns)} are gone, with what they held"
    if change.gone.number:
        visited = "; a visitor may have deleted them meanwhile" if may_be_visited and name != "threads" else ""
        yield f"{name}: rows are gone: {change.gone}{visited}"
    if change.changed.number:
        yield f"{name}: rows have other values: {change.changed}"
    if change.meanwhile.number and not may_be_visited:
        yield f"{name}: rows have other values and a higher version: {change.meanwhile}"


def meanwhile(comparison: Comparison) -> list[str]:
    """Return in words what visitors wrote while the migrations ran."""
    found = []
    for change in comparison.changes:
        if change.meanwhile.number:
            found.append(f"{change.table}: rows have a higher version: {change.meanwhile}")
    return found
