"""Commands that bring the database to this program's schema, step by step and compared, and back again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import click
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext

from ..clock import utc_now
from ..db import db, is_in_memory
from ..errors import SiteError
from . import backups, going_back, progress, records, scratch, turns, upgrades
from .backup_commands import beside
from .manifest import BrokenBackup, Manifest
from .records import Record
from .rehearsal import CannotRehearse
from .upgrades import Outcome, Plan

BACKUP_HELP = "Where the backup goes: a new file, or a folder; else the folder backups of the data folder."
STOP_IT = (
    "If a program of the old version still runs, stop it now: what it writes meanwhile is in no backup. "
    "Visitors of the new one are told to come back later."
)


@click.command()
@click.option("--backup", "place", type=click.Path(path_type=Path), help=BACKUP_HELP)
@click.option("-x", "arguments", multiple=True, metavar="NAME=VALUE", help="Given to the migrations.")
@with_appcontext
def upgrade(place: Path | None, arguments: tuple[str, ...]) -> None:
    """Bring the database to this program's schema: back up, rehearse on a copy, do it, compare all rows."""
    with _said("upgrade"):
        if upgrades.plan() is None:
            click.echo(f"Nothing to do: {_at_head()}")
            return
        _refuse_memory()
        with turns.turn(lambda: click.echo("Another upgrade or rollback of this database runs; waiting for its end.")):
            plan = upgrades.plan()
            if plan is None:
                click.echo(f"Another upgrade has done it: {_at_head()}")
                return
            _upgrade(plan, place, arguments)


def _at_head() -> str:
    return f"the database has this program's schema, {upgrades.head()}."


def _upgrade(plan: Plan, place: Path | None, arguments: tuple[str, ...]) -> None:
    upgrades.check_room()
    path = _new_file(place, f"before-{plan.head}")
    click.echo(f"The database has the schema {plan.revision}, this program wants {plan.head}.\n{STOP_IT}")
    with scratch.folder(beside()) as folder:
        manifest = upgrades.back_up(path, folder, secret=current_app.config["SECRET_KEY"], progress=progress.shown)
        click.echo(f"Backed up to {path}: {path.stat().st_size:,} bytes, read again and found whole.")
        rehearsed = _rehearse(plan, manifest, folder, arguments, path)
        record = _begin(plan, path)
        done = _perform(plan, folder, arguments, _way_back(record, path))
    _report(plan, rehearsed, done, _way_back(record, path))
    if upgrades.differences(done.comparison, may_be_visited=True):
        raise click.ClickException(
            f"the rows are not what they were before:\n{_lines(_differences(done))}\n"
            f"Stop the site. To go back to the backup, type: {_way_back(record, path)}"
        )
    if record:
        records.add(_folder(), replace(record, event=records.ENDED))


def _rehearse(plan: Plan, manifest: Manifest, folder: Path, arguments: tuple[str, ...], path: Path) -> Outcome | None:
    untouched = f"The site's database was not touched. The backup made is {path}."
    try:
        outcome = upgrades.rehearse(plan, manifest, folder, arguments, progress.shown)
    except CannotRehearse as reason:
        click.echo(f"Not rehearsed: {reason}. How long the upgrade will take is not known.")
        return None
    except scratch.MigrationFailed as failure:
        raise click.ClickException(f"the rehearsal on a copy failed: {failure.detail}\n{untouched}") from None
    found = upgrades.differences(outcome.comparison, may_be_visited=False)
    if found:
        raise click.ClickException(f"the rehearsal on a copy lost or changed rows:\n{_lines(found)}\n{untouched}")
    click.echo(
        f"Rehearsed on a copy: the migrations took {outcome.seconds:.1f} s, and every row is as before. "
        "The real ones will take about as long."
    )
    return outcome


def _perform(plan: Plan, folder: Path, arguments: tuple[str, ...], way_back: str) -> Outcome:
    try:
        return upgrades.perform(plan, folder, arguments, progress.shown)
    except scratch.MigrationFailed as failure:
        raise click.ClickException(
            f"the upgrade failed: {failure.detail}\n{upgrades.where_it_stands(plan)} "
            f"To go on, type the same command again; to go back to the backup: {way_back}"
        ) from None


def _report(plan: Plan, rehearsed: Outcome | None, done: Outcome, way_back: str) -> None:
    comparison = done.comparison
    took = f" (rehearsed: {rehearsed.seconds:.1f} s)" if rehearsed else ""
    click.echo(f"Upgraded from {plan.revision} to {plan.head}: the migrations took {done.seconds:.1f} s{took}.")
    click.echo(f"  {'rows of':24}{'before':>12}{'after':>12}")
    for change in comparison.changes:
        after = "gone" if change.after is None else f"{change.after:,}"
        click.echo(f"  {change.table:24}{change.before:12,}{after:>12}")
    if comparison.new:
        click.echo(f"New: {', '.join(comparison.new)}")
    named = {f"{table}.{column}" for table, columns in plan.changes.items() for column in columns}
    left_out = sorted(named.difference(comparison.new))
    if left_out:
        click.echo(f"Changed on purpose, so not compared: {', '.join(left_out)}")
    if comparison.sha256_before == comparison.sha256_after:
        click.echo(f"All rows there were are as before. SHA-256: {comparison.sha256_before}")
    else:
        click.echo(f"SHA-256 before: {comparison.sha256_before}\nSHA-256 after:  {comparison.sha256_after}")
    written = upgrades.meanwhile(comparison)
    if written:
        click.echo(f"Written by visitors meanwhile, as it seems:\n{_lines(written)}")
    click.echo(f"Restart the site. To go back, type: {way_back}")


def _differences(done: Outcome) -> list[str]:
    return upgrades.differences(done.comparison, may_be_visited=True)


def _lines(found: list[str]) -> str:
    return "\n".join(f"  {each}" for each in found)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--backup", "place", type=click.Path(path_type=Path), help=BACKUP_HELP)
@click.option("--no-backup", is_flag=True, help="Go back also where no backup of the present state can be made.")
@click.option("--leave-out-unknown", is_flag=True, help="Let tables go that neither the backup nor a migration has.")
@with_appcontext
def rollback(file: Path | None, yes: bool, place: Path | None, no_backup: bool, leave_out_unknown: bool) -> None:
    """Go back to the backup of the latest upgrade, or to the one in FILE: its rows in its schema."""
    with _said("rollback"):
        _refuse_memory()
        with turns.turn(lambda: click.echo("An upgrade or rollback of this database runs; waiting for its end.")):
            path = file or _latest()
            with scratch.folder(beside()) as folder:
                manifest = _checked(path, folder)
                _show(path, manifest)
                if not yes:
                    click.confirm("Go back?", abort=True)
                if not no_backup:
                    _keep_present(place, path)
                going_back.go_back(manifest, folder, progress.shown, may_leave_out=leave_out_unknown)
            _add_taken_back(manifest, path)
    click.echo(f"The database is as it was at {manifest.made}, with the schema {manifest.revision}.\n{_old(manifest)}")


def _checked(path: Path, folder: Path) -> Manifest:
    with path.open("rb") as opened:
        secret = current_app.config["SECRET_KEY"]
        return going_back.checked(opened, folder, secret=secret, progress=progress.shown)


def _show(path: Path, manifest: Manifest) -> None:
    lost = going_back.lost(manifest)
    click.echo(f"{path} is whole.\n{backups.summary(manifest)}")
    click.echo(f"The database gets the schema {manifest.revision} and the rows of then. Stop the site first.")
    click.echo(
        f"Written since, and not there any more after it: {lost.posted:,} comments posted, "
        f"{lost.changed:,} edited or deleted."
    )


def _keep_present(place: Path | None, beside_file: Path) -> None:
    """Back up what there is now, so that a rollback loses nothing either."""
    try:
        path = _new_file(place or (None if _folder().is_dir() else beside_file.absolute().parent), "before-rollback")
        with scratch.folder(beside()) as folder:
            upgrades.back_up(path, folder, secret=current_app.config["SECRET_KEY"], progress=progress.shown)
    except SiteError as error:
        raise click.ClickException(
            f"what there is now cannot be backed up: {error.detail}\nTo go back without, add --no-backup."
        ) from None
    click.echo(f"Backed up what there is now to {path}. It comes back with: commentsite restore --replace {path}")


def _old(manifest: Manifest) -> str:
    """Return which version of the program goes with a backup, as far as that is known."""
    made_by = manifest.program
    if made_by == version("commentsite"):  # the new one made it, right before its upgrade
        database = records.database_id(db.engine.url)
        known = records.program_at(_folder(), database, manifest.revision)
        made_by = known if known and known != made_by else ""
    if made_by:
        return f"Install the version that goes with it before you start the site: pip install commentsite=={made_by}"
    return (
        "Install the version that you had before you start the site (pip install commentsite==VERSION, or in a "
        f"checkout git checkout): one whose CHANGELOG.md ends its migrations with {manifest.revision}."
    )


@contextmanager
def _said(verb: str) -> Iterator[None]:
    """Say in a sentence what went wrong, and end with 1."""
    try:
        yield
    except BrokenBackup as problem:
        raise click.ClickException(f"the backup is not to be relied on, so nothing was changed: {problem}") from None
    except SiteError as error:
        raise click.ClickException(error.detail) from None
    except CommandError as error:
        raise click.ClickException(f"the migrations cannot be read: {error}") from None
    except OSError as error:
        raise click.ClickException(f"cannot {verb}: {error.filename or ''} {error.strerror or error}") from None


def _refuse_memory() -> None:
    if is_in_memory(db.engine.url):
        raise click.ClickException("the database is in memory; type: commentsite db upgrade")


def _folder() -> Path:
    return Path(current_app.config["DATA_DIR"]) / "backups"


def _new_file(place: Path | None, name: str) -> Path:
    """Return where a backup goes, in a folder that is there."""
    named = f"{name}-{utc_now():%Y%m%dT%H%M%SZ}.zip"
    if place is None:
        folder = _folder()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise click.ClickException(
                f"cannot make the folder {folder} ({error.strerror}): say where the backup goes, with --backup FILE"
            ) from None
        place = folder / named
    elif place.is_dir():
        place = place / named
    if place.exists():
        raise click.ClickException(f"{place} is there already; name another file with --backup")
    return place.absolute()


def _begin(plan: Plan, path: Path) -> Record | None:
    """Write down that the upgrade begins; None where that cannot be written."""
    moment = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
    database = records.database_id(db.engine.url)
    record = Record(records.BEGUN, moment, database, str(path), plan.revision, plan.head, version("commentsite"))
    return record if _is_kept(record) else None


def _is_kept(record: Record) -> bool:
    try:
        _folder().mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return records.add(_folder(), record)


def _way_back(record: Record | None, path: Path) -> str:
    return "commentsite rollback" if record else f"commentsite rollback {path}"


def _latest() -> Path:
    """Return the backup of the latest upgrade of this database."""
    is_mysql = db.engine.dialect.name == "mysql"
    found = records.newest(_folder(), records.database_id(db.engine.url), may_be_parts=is_mysql)
    if found is None:
        raise click.ClickException(
            f"no upgrade of this database is written down in {_folder() / records.NAME}: "
            "name the backup, with commentsite rollback FILE"
        )
    return Path(found.backup)


def _add_taken_back(manifest: Manifest, path: Path) -> None:
    moment = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
    database = records.database_id(db.engine.url)
    to = manifest.revision
    records.add(_folder(), Record(records.TAKEN_BACK, moment, database, str(path), to, to, version("commentsite")))
