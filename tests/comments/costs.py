"""What a read costs the database, by its own counters and not by the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import g
from sqlalchemy import text

from commentsite.db import db
from commentsite.keyset import PAGE_SIZE
from commentsite.reading import snapshot


def is_cheap(work: Callable[[], object]) -> bool:
    """Say whether `work` reads about as much as a few pages hold, however much there is beside."""
    if db.engine.dialect.name == "mysql":
        return rows_examined(work) < 10 * PAGE_SIZE
    return steps_of(work) < 200 * PAGE_SIZE


def rows_examined(work: Callable[[], object], counters: str = "Handler_read%") -> int:
    """Return how many rows MySQL read for `work`, by its own counters; also those of tables that it made for it."""
    with connections() as drivers:
        for driver in drivers:
            driver.query("FLUSH STATUS")
        work()
        return sum(_handler_reads(driver, counters) for driver in drivers)


def _handler_reads(driver: Any, counters: str) -> int:
    with driver.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE %s", [counters])
        return sum(int(value) for _, value in cursor.fetchall())


def steps_of(work: Callable[[], object]) -> int:
    """Return about how many instructions of its machine SQLite ran for `work`."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    with connections() as drivers:
        for driver in drivers:
            driver.set_progress_handler(count, 100)
        work()
        for driver in drivers:
            driver.set_progress_handler(None, 0)
    return steps


@contextmanager
def connections() -> Iterator[list[Any]]:
    """Give the connections that are used within, as the driver has them: the session's and that of pages."""
    with snapshot():
        yield [db.session.connection().connection.driver_connection, g.reading.driver_connection]


def note_sizes() -> None:
    """Have MySQL know how large its tables have become, as it does by itself after a while."""
    if db.engine.dialect.name == "mysql":
        db.session.execute(text("ANALYZE TABLE comments"))
        db.session.rollback()
