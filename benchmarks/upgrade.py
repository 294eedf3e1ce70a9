"""How long the upgrade of a tutorial database takes, and how long readers and writers wait meanwhile.

    python -m benchmarks.upgrade [--rows 1000000] [--database sqlite|mysql] [--mysql-url URL]

The database is made by the tutorial's code. While `flask --app commentsite db upgrade` runs, one
process reads the newest 50 comments every few milliseconds and another stores comments as the
tutorial's program does, until the finished schema refuses what has no time. The waits before the
upgrade show what this machine does without it. Without a URL a private MariaDB is started, with its
default settings.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from tests.databases import MariaDB, run_sql
from tests.migrations.helpers import connected, make_tutorial_database, select, start_command

UPGRADE = ("flask", "--app", "commentsite", "db", "upgrade")
READ = "SELECT id, content FROM comments ORDER BY id DESC LIMIT 50"
WRITE = "INSERT INTO comments (content) VALUES ('from the older program')"
READ_PAUSE_SECONDS = 0.003
WRITE_PAUSE_SECONDS = 0.05
QUIET_SECONDS = 10
# Without a limit, so that a wait is measured and not cut off. The driver's own is 5 s.
SQLITE_WAIT_SECONDS = 3600
MADE_AT_ONCE = 5000

WORDS = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "it",
    "you",
    "that",
    "was",
    "for",
    "on",
    "with",
    "they",
    "comment",
    "very",
)
HEADINGS = (
    "database",
    "comments",
    "upgrade, s",
    "longest read without it, ms",
    "longest read during it, ms",
    "reads during it",
    "longest insert without it, ms",
    "longest insert during it, ms",
    "inserts stored during it",
)


@dataclass(frozen=True)
class Call:
    """A statement: when it was sent and how long it took, in seconds, and whether it was refused."""

    at: float
    took: float
    was_refused: bool


def make_texts(count: int) -> Iterator[str]:
    """Yield texts of the lengths that comments have: most of one to three lines, a few very long."""
    chance = random.Random(1)  # noqa: S311
    words = " ".join(chance.choice(WORDS) for _ in range(200_000))
    for _ in range(count):
        length = min(4096, max(2, int(chance.lognormvariate(4.9, 0.9))))
        begin = chance.randrange(len(words) - 4096)
        yield words[begin : begin + length]


def make_database(url: URL, rows: int) -> None:
    """Have the tutorial's code make its table, and store `rows` comments there."""
    make_tutorial_database(url, [])
    table = sa.table("comments", sa.column("content"))
    texts = make_texts(rows)
    for done in range(0, rows, MADE_AT_ONCE):
        with connected(url) as connection:
            some = [{"content": next(texts)} for _ in range(min(MADE_AT_ONCE, rows - done))]
            connection.execute(table.insert().inline(), some)


def repeat(url: URL, statement: str, pause: float, end: Event, result: Pipe) -> None:
    """Send `statement` again and again until `end` or, where it writes, until it is refused; then send the calls."""
    arguments = {"timeout": SQLITE_WAIT_SECONDS} if url.get_backend_name() == "sqlite" else {}
    engine = sa.create_engine(url, connect_args=arguments)
    calls = []
    while not end.is_set():
        at = time.monotonic()
        try:
            with engine.begin() as connection:
                found = connection.exec_driver_sql(statement)
                if found.returns_rows:
                    found.all()
            was_refused = False
        except DBAPIError:
            was_refused = True
        calls.append(Call(at, time.monotonic() - at, was_refused))
        if was_refused and statement == WRITE:
            break
        time.sleep(pause)
    result.send(calls)
    engine.dispose()


class Repeater:
    """A process that repeats a statement."""

    def __init__(self, url: URL, statement: str, pause: float) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.result, theirs = spawn.Pipe(duplex=False)
        self.end = spawn.Event()
        self.process = spawn.Process(target=repeat, args=(url, statement, pause, self.end, theirs))
        self.process.start()

    def calls(self) -> list[Call]:
        """End it and return what it did."""
        self.end.set()
        calls: list[Call] = self.result.recv()
        self.process.join()
        return calls


def longest_ms(calls: list[Call]) -> str:
    return f"{max(call.took for call in calls) * 1000:,.0f}"


def measure(name: str, url: URL, rows: int) -> str:
    """Upgrade a database of `rows` comments and return a line of the table."""
    make_database(url, rows)
    reader = Repeater(url, READ, READ_PAUSE_SECONDS)
    writer = Repeater(url, WRITE, WRITE_PAUSE_SECONDS)
    time.sleep(QUIET_SECONDS)
    begin = time.monotonic()
    process = start_command(url, *UPGRADE)
    said, _ = process.communicate()
    seconds = time.monotonic() - begin
    reads, writes = reader.calls(), writer.calls()
    if process.returncode:
        sys.exit(said)
    stored = [call for call in writes if not call.was_refused]
    check(url, rows + len(stored))
    during = [call for call in reads if call.at + call.took >= begin]
    return (
        f"| {name} | {rows:,} | {seconds:.1f} | {longest_ms([call for call in reads if call.at < begin])} "
        f"| {longest_ms(during)} | {len(during):,}, {sum(call.was_refused for call in during)} refused "
        f"| {longest_ms([call for call in stored if call.at < begin])} "
        f"| {longest_ms([call for call in writes if call.at + call.took >= begin])} "
        f"| {len([call for call in stored if call.at >= begin])} |"
    )


def check(url: URL, rows: int) -> None:
    """Raise unless every comment is there with a time, the same for all."""
    found = select(url, "SELECT COUNT(*), COUNT(posted), COUNT(DISTINCT posted) FROM comments")
    if found != [(rows, rows, 1)]:
        raise AssertionError(f"wanted {rows} comments of one time, found {found}")


@contextmanager
def mysql_database(given: str | None, folder: Path) -> Iterator[URL]:
    """An empty database on the server `given`, or on one started for this."""
    server = None
    if given is None:
        server = MariaDB(folder)
        server.start()
    url = make_url(given).set(drivername="mysql+pymysql") if given else server.url if server else make_url("")
    name = "commentsite_benchmark"
    run_sql(url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield url.set(database=name)
    finally:
        run_sql(url, f"DROP DATABASE {name}")
        if server:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upgrade", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["both", "sqlite", "mysql"], default="both")
    parser.add_argument("--mysql-url", help="a server to make a database on, instead of a private MariaDB")
    options = parser.parse_args()
    print(f"| {' | '.join(HEADINGS)} |")
    print("|---" * len(HEADINGS) + "|")
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "mysql":
            print(measure("SQLite", URL.create("sqlite", database=f"{folder}/comments.db"), options.rows), flush=True)
        if options.database != "sqlite":
            (Path(folder) / "my").mkdir()
            with mysql_database(options.mysql_url, Path(folder) / "my") as url:
                print(measure("MariaDB", url, options.rows), flush=True)


if __name__ == "__main__":
    main()
