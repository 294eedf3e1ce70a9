"""The site's speed beside a Flask hello, the tutorial's app and Isso, on this machine.

    python -m benchmarks [--quick] [--only TABLE] [--output FILE]

Starts everything itself on 127.0.0.1, fills its databases, and prints tables: the median of the rounds, that of what
stands beside it, and the ratios of the two in the same round. Full: about 25 minutes and 8 GB in the folder for
temporary files. `--quick` sees in a minute that all of it runs and every answer is right; its times mean nothing.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from tests.databases import MariaDB

from .data import databases
from .footprint import start, weight
from .load import CLIENTS, Clients, has_wrk
from .pages import pages
from .reads import reads
from .runs import Run, say
from .servers import KINDS, SERVE_THREADS, THREADS, WORKERS
from .tables import Table
from .writes import writes

# In this order: what writes comes last, for the others know which comments there are.
TABLES: dict[str, Callable[[Run], Iterator[Table]]] = {
    "weight": weight,
    "pages": pages,
    "start": start,
    "reads": reads,
    "writes": writes,
}
FULL = {"comments": 1_000_000, "warm_ups": 1, "rounds": 7, "seconds": 3.0, "server": "both"}
QUICK = {"comments": 1000, "warm_ups": 0, "rounds": 1, "seconds": 0.5, "server": "gunicorn"}
MIDDLE = 10_000


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 1 where an answer was wrong or a comment lost."""
    options = _parser().parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    logging.disable(logging.INFO)  # what migrations say about themselves
    made: list[str] = [_machine(options)]
    problems = 0
    print(made[0])
    for table in _measured(options):
        made.append(table.markdown())
        problems += len(table.problems)
        print(made[-1], flush=True)
        if options.output:
            options.output.write_text("\n".join(made), encoding="utf-8")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    description, _, epilog = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small, once, to see that it runs")
    parser.add_argument("--only", action="append", choices=list(TABLES), help="a table to make; may be repeated")
    parser.add_argument("--output", type=Path, help="a file for the tables, in Markdown")
    parser.add_argument("--comments", type=int, help="how many comments are many (1000000)")
    parser.add_argument("--warm-ups", type=int, help="how many rounds are not counted (1)")
    parser.add_argument("--rounds", type=int, help="how many rounds are counted (7)")
    parser.add_argument("--seconds", type=float, help="how long each thing is measured in a round (3)")
    parser.add_argument("--database", choices=["both", "sqlite", "mysql"], default="both")
    parser.add_argument("--server", choices=["both", *KINDS], help="what serves the apps (both; --quick: gunicorn)")
    parser.add_argument("--mysql-url", help="a server to make databases on, instead of a private MariaDB")
    parser.add_argument("--no-isso", action="store_true", help="do not install Isso to measure beside it")
    return parser


def _measured(options: argparse.Namespace) -> Iterator[Table]:
    """Make the tables that were chosen."""
    kinds = _database_kinds(options)
    clients = Clients()
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        databases(Path(folder), options.mysql_url, with_mysql="mysql" in kinds) as made,
    ):
        run = Run(
            folder=Path(folder),
            databases=made,
            clients=clients,
            many=options.comments,
            middle=min(MIDDLE, options.comments),
            warm_ups=options.warm_ups,
            rounds=options.rounds,
            seconds=options.seconds,
            database_kinds=kinds,
            server_kinds=KINDS if options.server == "both" else (options.server,),
            with_isso=not (options.quick or options.no_isso),
        )
        try:
            for name, make in TABLES.items():
                if not options.only or name in options.only:
                    yield from make(run)
        finally:
            clients.close()


def _database_kinds(options: argparse.Namespace) -> tuple[str, ...]:
    kinds = ("sqlite", "mysql") if options.database == "both" else (options.database,)
    if "mysql" not in kinds or options.mysql_url or MariaDB.is_installed():
        return kinds
    say("without MariaDB: there is no mariadbd here, and no --mysql-url")
    return tuple(kind for kind in kinds if kind != "mysql")


def _machine(options: argparse.Namespace) -> str:
    """Return what the figures depend on."""
    programs = ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy", "gunicorn", "waitress"))
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), load {os.getloadavg()[0]:.1f} at the beginning; "
        f"Python {platform.python_version()}, {programs}, SQLite {sqlite3.sqlite_version}. "
        f"Load by {'wrk' if has_wrk() else 'our own clients'}; {CLIENTS} connections. "
        f"gunicorn: gthread, {WORKERS} workers of {THREADS} threads; serve: {SERVE_THREADS} threads. "
        f"{options.rounds} rounds of {options.seconds:g} s.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
