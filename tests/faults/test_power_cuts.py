"""Power cuts: what was acknowledged before the cut is stored after it, with our settings; with careless ones it is not.

As root alone (see disks.py).
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.databases import open_engine
from tests.servers.processes import Server, documented

from .clients import ALL_IS_WELL, Comparison, Posters, compare, stored_texts
from .disks import Disk
from .kept import MariaDBOnDisk, OnDisk, SQLiteOnDisk, SQLiteWithoutWAL, disk_for, on_disk

pytestmark = pytest.mark.faults

CUTS = {"short": 2, "long": 10}
SECONDS = {"short": 1.0, "long": 5.0}
MOST_CONTROL_CUTS = 40
FIRST_POSTS = 8  # a server that has just begun is slow to take them
WAIT_SECONDS = 30
WRONG_COUNTS = """
SELECT COUNT(*) FROM threads WHERE comment_count <>
(SELECT COUNT(*) FROM comments WHERE comments.thread_id = threads.id AND deleted IS NULL)
"""

logger = logging.getLogger(__name__)


@pytest.fixture
def disk(backend: str, tmp_path: Path, lane_missing: Callable[[str], None]) -> Iterator[Disk]:
    yield from disk_for(backend, tmp_path, lane_missing)


@pytest.fixture
def extent(request: pytest.FixtureRequest) -> str:
    """How much is done: `short` or `long`."""
    return str(request.config.getoption("--faults"))


class Site:
    """A site on a disk, and what its posters were told; `command` starts its server."""

    def __init__(self, database: OnDisk, command: str) -> None:
        self.database, self.command = database, command
        self.told = database.place / "told"

    def lose_power(self, after_seconds: float) -> Posters:
        """Have eight clients post, cut the power, bring disk and database up again; return the clients."""
        self.database.start()
        server = Server(self.command, self.database.place, self.database.settings)
        with server, Posters(server.port, self.told) as posters:
            _wait_for(lambda: posters.answers[303] >= FIRST_POSTS)
            time.sleep(after_seconds)
            self.database.disk.cut_power()
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
            self.database.kill()
        self.database.disk.unmount()
        self.database.disk.mount()
        self.database.start()
        return posters

    def lose_power_often(self, cuts: int, seconds: float) -> Comparison:
        """Cut the power `cuts` times, or until something is lost; return what is wrong in the end, and log it."""
        for number in range(cuts):
            posters = self.lose_power(seconds + number % 4 * 0.37)
            assert posters.bad == []
            assert posters.answers[303] > 0
            found = compare(posters.acknowledged, posters.sent, stored_texts(self.database.url))
            if found != ALL_IS_WELL:
                break
        logger.info(
            "%s: %d acknowledged, %d lost, %d doubled, %d cuts",
            self.database.place.name,
            len(posters.acknowledged),
            len(found.lost),
            len(found.doubled),
            number + 1,
        )
        return found


def _wait_for(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_SECONDS
    while not is_so() and time.monotonic() < give_up:
        time.sleep(0.05)


def check_rows(database: OnDisk) -> None:
    """Assert that SQLite finds its file whole, and that each thread has as many comments as it says."""
    engine = open_engine(database.url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert connection.scalar(text(WRONG_COUNTS)) == 0


def cut_often(database: OnDisk, command: str, cuts: int, seconds: float) -> Comparison:
    """Cut the power often, see that the rows fit together, and end the database; return what is wrong."""
    try:
        found = Site(database, command).lose_power_often(cuts, seconds)
        check_rows(database)
        return found
    finally:
        database.kill()


def test_power_cuts_lose_nothing(backend: str, disk: Disk, tmp_path: Path, extent: str) -> None:
    database = on_disk(backend, disk, tmp_path)
    assert cut_often(database, documented("gunicorn"), CUTS[extent], SECONDS[extent]) == ALL_IS_WELL


@pytest.mark.only_on("sqlite")
def test_power_cuts_lose_nothing_where_wal_is_refused(disk: Disk, tmp_path: Path, extent: str) -> None:
    database = SQLiteWithoutWAL(disk, tmp_path)
    assert cut_often(database, documented("gunicorn"), CUTS[extent], SECONDS[extent]) == ALL_IS_WELL
    assert (disk.folder / "comments.db").read_bytes()[18] == 1, "this was WAL all the same"


@pytest.mark.only_on("mysql")
def test_power_cuts_lose_nothing_with_a_binary_log(disk: Disk, tmp_path: Path, extent: str) -> None:
    database = MariaDBOnDisk(disk, tmp_path, "--log-bin", "--sync-binlog=1")
    assert cut_often(database, documented("gunicorn"), CUTS[extent], SECONDS[extent]) == ALL_IS_WELL


# Negative controls: where nothing is ever lost, the tests above prove nothing.


@pytest.mark.only_on("sqlite")
def test_power_cuts_lose_comments_with_careless_pragmas(disk: Disk, tmp_path: Path) -> None:
    careless = documented("gunicorn").replace("wsgi:application", "tests.faults.careless:application")
    found = cut_often(SQLiteOnDisk(disk, tmp_path), careless, MOST_CONTROL_CUTS, SECONDS["short"])
    assert found.lost
    assert not found.doubled


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("options", [["--innodb-flush-log-at-trx-commit=0"], ["--log-bin", "--sync-binlog=0"]])
def test_power_cuts_lose_comments_with_careless_options(disk: Disk, tmp_path: Path, options: list[str]) -> None:
    database = MariaDBOnDisk(disk, tmp_path, *options)
    found = cut_often(database, documented("gunicorn"), MOST_CONTROL_CUTS, SECONDS["short"])
    assert found.lost
    assert not found.doubled
