"""Commands that take a whole site out into a file and bring it in again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import click
from flask.cli import with_appcontext

from ..clock import utc_now
from ..errors import SiteError
from ..schema import schema_problem
from . import operations, progress, queries, writer
from .format import OtherFormat
from .ledger import Ledger
from .reader import Line, Reader


def _check_schema() -> None:
    problem = schema_problem()
    if problem:
        raise click.ClickException(problem)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing: check every line of FILE, and name the broken ones.")
@click.option("--no-email", is_flag=True, help="Leave e-mail addresses out.")
@with_appcontext
def export(file: Path, check: bool, no_email: bool) -> None:
    """Write all threads and comments to FILE, or with - to standard output; or check such a file."""
    if check:
        _check(file)
        return
    _check_schema()
    try:
        if str(file) == "-":
            _write(sys.stdout.buffer, with_emails=not no_email)
        else:
            with writer.whole_file(file) as out:
                _write(out, with_emails=not no_email)
    except SiteError as error:
        raise click.ClickException(error.detail) from None
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror or error}") from None


def _write(out: BinaryIO, *, with_emails: bool) -> None:
    with queries.snapshot() as connection:
        counts = queries.counts(connection)
        with progress.shown("Exporting", sum(counts) + 2) as advance:
            for line in writer.exported(connection, counts, with_emails=with_emails, now=utc_now()):
                out.write(line)
                advance(1)
    out.flush()
    click.echo(f"{counts.comments:,} comments in {counts.threads:,} threads were exported.", err=True)


def _check(file: Path) -> None:
    with _opened(file) as opened:
        broken, _ = _looked_through(opened, file)
    if broken:
        raise click.ClickException(f"{broken:,} lines of {file} are broken")
    click.echo(f"Every line of {file} is right.")


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--skip-broken", is_flag=True, help="Name broken lines, and import all others.")
@with_appcontext
def import_(file: Path, skip_broken: bool) -> None:
    """Add the threads and comments of FILE, an export, to this site; those that are here stay as they are."""
    _check_schema()
    with _opened(file) as opened:
        broken, highest = _looked_through(opened, file)
        if broken and not skip_broken:
            raise click.ClickException(
                f"{broken:,} lines are broken, so nothing was imported. Mend them, or import the rest: --skip-broken"
            )
        opened.seek(0)
        with closing(Ledger()) as ledger, progress.shown("Importing", file.stat().st_size) as advance:
            lines = _unchanged(_counted(Reader(opened, ledger).lines(), advance), broken)
            try:
                outcome = operations.import_lines(lines, ledger, highest=highest)
            except SiteError as error:
                raise click.ClickException(error.detail) from None
    stored, here = outcome.stored["Comment"], outcome.here["Comment"]
    click.echo(f"{stored:,} comments were imported, {here:,} were here already.")


def _opened(file: Path) -> BinaryIO:
    if not file.is_file():  # a pipe cannot be read twice
        raise click.ClickException(f"{file} is no file")
    try:
        return file.open("rb")
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from None


def _looked_through(opened: BinaryIO, file: Path) -> tuple[int, int]:
    """Name each broken line; return how many there are, and the highest id in the file that may be kept."""
    broken = 0
    with closing(Ledger()) as ledger, progress.shown("Checking", file.stat().st_size) as advance:
        reader = Reader(opened, ledger)
        try:
            for line in _counted(reader.lines(), advance):
                if line.problem:
                    click.echo(f"line {line.number}: {line.problem}", err=True)
                    broken += 1
        except OtherFormat as problem:
            raise click.ClickException(f"line 1: {problem}") from None
    return broken, reader.highest_id


def _unchanged(lines: Iterator[Line], broken: int) -> Iterator[Line]:
    """Yield lines that were looked through before. Raises ClickException where more are broken than were then."""
    for line in lines:
        broken -= line.problem is not None
        if broken < 0:
            raise click.ClickException(f"line {line.number}: the file was changed while it was read; import it again")
        yield line


def _counted(lines: Iterator[Line], advance: Callable[[int], object]) -> Iterator[Line]:
    for line in lines:
        advance(line.size)
        yield line
