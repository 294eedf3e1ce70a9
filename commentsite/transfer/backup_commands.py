"""Commands that make a backup of the whole database, check one, and bring one back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import click
from flask import current_app
from flask.cli import with_appcontext

from ..clock import utc_now
from ..db import db
from ..errors import SiteError
from . import backups, progress, rotation, scratch, writer
from .manifest import BrokenBackup, Manifest
from .restore import restore as restore_backup

KEY_TO_KEEP = (
    "The secret key is not in it, nor any other setting: keep COMMENTSITE_SECRET_KEY, or the file secret_key of the "
    "data folder, in another safe place."
)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="FILE | FOLDER | verify FILE")
@click.option("--keep", type=click.IntRange(1), help="In FOLDER, remove all but so many of the newest backups.")
@with_appcontext
def backup(words: tuple[str, ...], keep: int | None) -> None:
    """Write the whole database to FILE while the site runs, or to a new file in FOLDER; or verify such a FILE.

    A file of the name verify is ./verify.
    """
    if words[0] == "verify":
        if len(words) != 2 or keep:
            raise click.UsageError("`backup verify` takes one FILE and no options; a file of that name is ./verify")
        _verify(Path(words[1]))
        return
    if len(words) != 1:
        raise click.UsageError("`backup` takes one FILE or FOLDER")
    path = Path(words[0])
    is_folder = path.is_dir() or words[0].endswith("/")
    if keep and not is_folder:
        raise click.UsageError(f"--keep wants a folder, and {path} is none")
    file = rotation.dated(path, utc_now()) if is_folder else path
    _make(file)
    if keep:
        _remove(path, keep, newest=file)


def _make(path: Path) -> None:
    secret = current_app.config["SECRET_KEY"]
    try:
        with scratch.folder(path.parent) as folder, writer.whole_file(path) as out:
            said, left = backups.make(out, folder, secret=secret, progress=progress.shown)
            backups.verify(out, folder, progress.shown)
    except SiteError as error:
        raise click.ClickException(error.detail) from None
    except BrokenBackup as problem:
        raise click.ClickException(f"what was written to {path} is wrong, so it was removed: {problem}") from None
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from None
    for name in left:
        click.echo(f"Not in it, since no restore would run it: the {name}.", err=True)
    click.echo(f"{path}: {path.stat().st_size:,} bytes, read again and found whole.\n{backups.summary(said)}")
    click.echo(KEY_TO_KEEP)


def _remove(folder: Path, keep: int, *, newest: Path) -> None:
    for old in rotation.outdated(folder, keep, newest):
        with suppress(FileNotFoundError):
            old.unlink()
            click.echo(f"Removed {old}.")


def _verify(path: Path) -> None:
    said = _read(path)
    click.echo(f"{path} is whole.\n{backups.summary(said)}")


def _read(path: Path) -> Manifest:
    try:
        with _opened(path) as file, scratch.folder(None) as folder:
            return backups.verify(file, folder, progress.shown)
    except BrokenBackup as problem:
        raise click.ClickException(f"{path} is no backup to rely on: {problem}") from None
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror or error}") from None


def _opened(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():  # a pipe cannot be read twice
        raise click.ClickException(f"{path} is no file")
    return path.open("rb")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace all rows that the database has.")
@click.option("--leave-out-unknown", is_flag=True, help="Let tables and columns go that no migration here makes.")
@with_appcontext
def restore(file: Path, replace: bool, leave_out_unknown: bool) -> None:
    """Make the backup FILE the contents of the database, of either kind, and bring it up to date."""
    try:
        with _opened(file) as opened, scratch.folder(beside()) as folder:
            outcome = restore_backup(
                opened,
                folder,
                secret=current_app.config["SECRET_KEY"],
                progress=progress.shown,
                may_replace=replace,
                may_leave_out=leave_out_unknown,
            )
    except BrokenBackup as problem:
        raise click.ClickException(f"{file} cannot be restored: {problem}") from None
    except SiteError as error:
        raise click.ClickException(error.detail) from None
    except OSError as error:
        raise click.ClickException(f"cannot restore {file}: {error.strerror or error}") from None
    click.echo(f"{file} was restored and compared.\n{backups.summary(outcome.manifest)}")
    if outcome.manifest.revision != outcome.revision:
        click.echo(f"It was brought up to the schema {outcome.revision}.")
    if outcome.without_html:
        click.echo(
            "It was made with another secret key, so its stored HTML was left out, and who wrote lately cannot edit. "
            "Pages are right, and faster once you type: commentsite rerender"
        )


def beside() -> Path | None:
    """Return the folder of the SQLite file, where there is room for another; None with MySQL."""
    name = db.engine.url.database
    return Path(name).parent if db.engine.dialect.name == "sqlite" and name and name != ":memory:" else None
