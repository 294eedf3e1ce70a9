"""Commands about comments."""

from __future__ import annotations

import random
from datetime import timedelta

import click
from flask.cli import with_appcontext

from ..clock import utc_now
from ..schema import schema_problem
from . import operations, policy, queries
from .demo import invented_conversation

BATCH_ROWS = 1000


def _check_schema() -> None:
    problem = schema_problem()
    if problem:
        raise click.ClickException(problem)


@click.command()
@click.argument("count", type=click.IntRange(1, 10_000_000))
@click.option("--seed", default=1, show_default=True, help="Another seed invents other comments.")
@with_appcontext
def demo(count: int, seed: int) -> None:
    """Fill the database with COUNT invented comments, the newest posted now."""
    _check_schema()
    chance = random.Random(seed)  # noqa: S311 - invents texts
    now = utc_now()
    with click.progressbar(length=count, label="Inventing comments") as bar:
        for first in range(0, count, BATCH_ROWS):
            rows = range(first, min(first + BATCH_ROWS, count))
            # Two minutes apart or so, the last of them now.
            moments = [now - timedelta(seconds=120 * (count - 1 - row) + chance.randrange(100)) for row in rows]
            operations.add_comments(invented_conversation(chance, sorted(moments)))
            bar.update(len(rows))
    click.echo(f"{count:,} comments are there.")


@click.command()
@with_appcontext
def rerender() -> None:
    """Make the HTML of comments anew where this version, or its settings, would make another."""
    _check_schema()
    last, done = 0, 0
    with click.progressbar(length=queries.highest_id(), label="Looking at comments") as bar:
        while True:
            upto, made = operations.rerender_comments(last, BATCH_ROWS)
            if upto == last:
                break
            bar.update(upto - last)
            last, done = upto, done + made
    click.echo(f"{done:,} comments were rendered anew.")


@click.command()
@click.argument("page")
@with_appcontext
def close(page: str) -> None:
    """Close the thread under the page PAGE, such as /blog/post, to new comments."""
    operations.close_thread(_key(page))
    click.echo(f"{_key(page)} takes no more comments.")


@click.command(name="open")
@click.argument("page")
@with_appcontext
def open_again(page: str) -> None:
    """Open the thread under the page PAGE to new comments again."""
    operations.open_thread(_key(page))
    click.echo(f"{_key(page)} takes comments.")


def _key(page: str) -> str:
    _check_schema()
    key = policy.thread_key(page)
    if key is None:
        raise click.ClickException(f"{page} is the path of no page")
    return key
