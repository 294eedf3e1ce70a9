"""What a page costs among a million comments, beside the same page among a hundred, in the same rounds.

    python -m benchmarks.pages [--rows 1000000] [--database both|sqlite|mysql] [--mysql-url URL]

Half of the comments have one time, as an upgrade leaves them. Whole WSGI calls, without a server: the
newest page, one in the middle of the comments of one time, the oldest, and a permalink in the middle.
A ratio is the median over the rounds of (time among many / time among a hundred).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy.engine import URL

from commentsite import create_app
from commentsite.comments.operations import add_comments
from commentsite.comments.queries import comment_by_id
from commentsite.db import db
from commentsite.keyset import PAGE_SIZE, Position, cursor
from tests.conftest import SECRET, data_dir, plain
from tests.databases import run_sql
from tests.factories import MOMENT

from .upgrade import MADE_AT_ONCE, make_texts, mysql_database

FEW = 100
ROUNDS = 15
CALLS_A_ROUND = 10


def filled_site(url: URL, rows: int) -> Flask:
    """Return an app on a database with `rows` comments, the older half of one time."""
    app = create_app({"TESTING": True, "SECRET_KEY": SECRET, "DATABASE_URL": plain(url), "DATA_DIR": data_dir(url)})
    texts = make_texts(rows)
    with app.app_context():
        upgrade()
        for first in range(0, rows, MADE_AT_ONCE):
            numbers = range(first, min(first + MADE_AT_ONCE, rows))
            add_comments((next(texts), MOMENT + max(0, n - rows // 2) * timedelta(seconds=1)) for n in numbers)
        if url.get_backend_name() == "mysql":
            run_sql(url, "ANALYZE TABLE comments")
    return app


def addresses(app: Flask, rows: int) -> dict[str, str]:
    """Return an address for each kind of page, by its name in the table."""
    number = max(PAGE_SIZE + 1, rows // 4)  # a whole page is older, also among few
    with app.app_context():
        middle = comment_by_id(number)
        before = cursor(Position(middle.posted, middle.id))
    return {"newest": "/", "middle": f"/?before={before}", "oldest": f"/?after={cursor(Position(MOMENT, 1))}"} | {
        "permalink": f"/comments/{number}"
    }


def seconds(client: FlaskClient, address: str) -> float:
    """Return how long a call takes, over CALLS_A_ROUND of them."""
    begin = time.perf_counter()
    for _ in range(CALLS_A_ROUND):
        if client.get(address).status_code not in (200, 302):
            raise AssertionError(f"no page at {address}")
    return (time.perf_counter() - begin) / CALLS_A_ROUND


def compare(name: str, make_url: Callable[[str], URL], rows: int) -> None:
    """Print a line of the table for each kind of page."""
    sizes = {size: filled_site(make_url(str(size)), size) for size in (FEW, rows)}
    clients = {size: app.test_client() for size, app in sizes.items()}
    places = {size: addresses(app, size) for size, app in sizes.items()}
    for kind in places[rows]:
        taken: dict[int, list[float]] = {FEW: [], rows: []}
        for _ in range(ROUNDS):
            for size, client in clients.items():
                taken[size].append(seconds(client, places[size][kind]))
        ratios = [many / few for many, few in zip(taken[rows], taken[FEW], strict=True)]
        print(
            f"| {name} | {kind} | {statistics.median(taken[FEW]) * 1000:.2f} "
            f"| {statistics.median(taken[rows]) * 1000:.2f} | {statistics.median(ratios):.2f} "
            f"| {min(ratios):.2f} to {max(ratios):.2f} |",
            flush=True,
        )
    for app in sizes.values():
        with app.app_context():
            db.engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["both", "sqlite", "mysql"], default="both")
    parser.add_argument("--mysql-url", help="a server to make databases on, instead of a private MariaDB")
    options = parser.parse_args()
    print(f"| database | page | ms among {FEW} | ms among {options.rows:,} | ratio | ratios of {ROUNDS} rounds |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "mysql":
            compare("SQLite", lambda size: URL.create("sqlite", database=f"{folder}/{size}.db"), options.rows)
        if options.database != "sqlite":
            (Path(folder) / "my").mkdir()
            with mysql_database(options.mysql_url, Path(folder) / "my") as url:
                run_sql(url, "CREATE DATABASE commentsite_benchmark_few CHARACTER SET utf8mb4")
                few = url.set(database="commentsite_benchmark_few")
                compare("MariaDB", lambda size: few if size == str(FEW) else url, options.rows)
                run_sql(url, "DROP DATABASE commentsite_benchmark_few")


if __name__ == "__main__":
    main()
