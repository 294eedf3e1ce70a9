"""Commands about comments."""

from __future__ import annotations

import random
from datetime import timedelta

import click
from flask.cli import with_appcontext

from ..clock import utc_now
from ..schema import schema_problem
from . import operations
from .demo import invented_comment

BATCH_ROWS = 1000


@click.command()
@click.argument("count", type=click.IntRange(1, 10_000_000))
@click.option("--seed", default=1, show_default=True, help="Another seed invents other comments.")
@with_appcontext
def demo(count: int, seed: int) -> None:
    """Fill the database with COUNT invented comments, the newest posted now."""
    problem = schema_problem()
    if problem:
        raise click.ClickException(problem)
    chance = random.Random(seed)  # noqa: S311 - invents texts
    now = utc_now()
    with click.progressbar(length=count, label="Inventing comments") as bar:
        for first in range(0, count, BATCH_ROWS):
            rows = range(first, min(first + BATCH_ROWS, count))
            # Two minutes apart or so, the last of them now.
            moments = [now - timedelta(seconds=120 * (count - 1 - row) + chance.randrange(100)) for row in rows]
            moments.sort()
            operations.add_comments((invented_comment(chance), moment) for moment in moments)
            bar.update(len(rows))
    click.echo(f"{count:,} comments are there.")
