"""A full disk: posts are refused with the text kept, reading goes on, and all works again when there is space.

As root alone (see disks.py); what needs no root is in tests/test_errors.py.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.servers.clients import Answer, ask, post, post_body
from tests.servers.processes import Server, documented

from .clients import ALL_IS_WELL, Comparison, Posters, compare, stored_texts
from .disks import Disk
from .kept import MariaDBOnDisk, OnDisk, disk_for, on_disk

pytestmark = pytest.mark.faults

FULL_SECONDS = {"short": 2, "long": 10}
LEFT_BYTES = 128 * 1024
WAIT_SECONDS = 60
WAIT_FOR_BINLOG_SECONDS = 100
PAGES = ("/", "/?order=oldest", "/threads", "/threads/never-asked-for", "/readyz")

logger = logging.getLogger(__name__)


@pytest.fixture
def full_seconds(request: pytest.FixtureRequest) -> int:
    return FULL_SECONDS[request.config.getoption("--faults")]


@pytest.fixture
def disk(backend: str, tmp_path: Path, lane_missing: Callable[[str], None]) -> Iterator[Disk]:
    yield from disk_for(backend, tmp_path, lane_missing)


@pytest.fixture
def database(backend: str, disk: Disk, tmp_path: Path) -> Iterator[OnDisk]:
    made = on_disk(backend, disk, tmp_path)
    yield made
    made.kill()


@pytest.fixture
def server(database: OnDisk, tmp_path: Path) -> Iterator[Server]:
    """A site with a comment and a page kept of it, whose disk has space still."""
    with Server(documented("gunicorn"), tmp_path, database.settings) as started:
        assert post(started.port, "from before").status == 303
        assert ask(started.port, "GET", "/").status == 200
        yield started


def post_long(port: int, words: str) -> Answer:
    """Post a text for which a database needs more space."""
    return post_body(port, urlencode({"content": f"{words} {'long ' * 700}"}).encode())


def post_until(port: int, statuses: set[int], within_seconds: float) -> Answer:
    """Post one text after another until the answer has one of the statuses."""
    give_up = time.monotonic() + within_seconds
    number = 0
    while time.monotonic() < give_up:
        answer = post_long(port, f"number {number}")
        if answer.status in statuses:
            return answer
        number += 1
    raise AssertionError(f"no answer {statuses} within {within_seconds} s")


def test_post_to_a_full_disk_is_refused_with_its_text_kept(server: Server, disk: Disk) -> None:
    disk.fill()
    answer = post_until(server.port, {500, 503, 507}, WAIT_SECONDS)
    assert (answer.status, answer.headers["Retry-After"]) == (507, "60")
    assert "long long</textarea>" in answer.body.replace(" </textarea>", "</textarea>")
    assert "no space left: POST /:" in server.log


def test_reading_goes_on_while_the_disk_is_full(server: Server, disk: Disk) -> None:
    disk.fill()
    post_until(server.port, {507}, WAIT_SECONDS)
    answers = {path: ask(server.port, "GET", path).status for path in PAGES for _ in range(8)}
    assert answers == dict.fromkeys(PAGES, 200)
    assert "from before" in ask(server.port, "GET", "/?order=oldest").body


def test_posts_are_taken_again_when_there_is_space(server: Server, disk: Disk) -> None:
    disk.fill()
    post_until(server.port, {507}, WAIT_SECONDS)
    disk.free()
    assert post_long(server.port, "the first with space").status == 303
    assert "the first with space" in ask(server.port, "GET", "/").body


def test_disk_that_fills_and_empties_under_posters_loses_nothing(
    server: Server, database: OnDisk, full_seconds: int, tmp_path: Path
) -> None:
    with Posters(server.port, tmp_path / "told", also={507}) as posters:
        for _ in range(2):
            time.sleep(1)
            fill_up(database, server, posters)
            time.sleep(full_seconds)
            database.disk.free()
            go_on(database, posters)
    logger.info("disk full, %s: %s", type(database).__name__, dict(posters.answers))
    assert posters.bad == []
    assert told_and_kept(posters, database) == ALL_IS_WELL


@pytest.mark.only_on("sqlite")
def test_site_started_on_a_full_disk_works_when_there_is_space(database: OnDisk, disk: Disk, tmp_path: Path) -> None:
    """To open a file that nobody has open, SQLite writes beside it."""
    disk.fill()
    with Server(documented("gunicorn"), tmp_path, database.settings) as server:
        assert [ask(server.port, "GET", "/").status, post(server.port, "no space").status] == [503, 503]
        disk.free()
        assert post(server.port, "the first with space").status == 303
        assert "the first with space" in ask(server.port, "GET", "/").body


@pytest.mark.only_on("mysql")
def test_posts_that_wait_for_space_for_the_binary_log_are_not_doubled(
    disk: Disk, full_seconds: int, tmp_path: Path
) -> None:
    """Where it cannot write its binary log, MariaDB waits, and looks once a minute: see docs/durability.md."""
    database = MariaDBOnDisk(disk, tmp_path, "--log-bin", "--sync-binlog=1")
    try:
        with Server(documented("gunicorn"), tmp_path, database.settings) as server:
            assert post(server.port, "from before").status == 303
            disk.fill()
            with Posters(server.port, tmp_path / "told", also={507}) as posters:
                assert post_until(server.port, {503, 507}, WAIT_SECONDS).headers["Retry-After"]
                assert ask(server.port, "GET", "/threads").status == 200
                if full_seconds == FULL_SECONDS["long"]:
                    disk.free()
                    go_on(database, posters, WAIT_FOR_BINLOG_SECONDS)
        assert posters.bad == []
        assert told_and_kept(posters, database) == ALL_IS_WELL
    finally:
        database.kill()


def fill_up(database: OnDisk, server: Server, posters: Posters) -> None:
    """Leave a little, so that it is posts that fill the disk to the end; return when posters were refused."""
    refused, give_up = posters.answers[507], time.monotonic() + WAIT_SECONDS
    database.disk.fill(leave=LEFT_BYTES)
    while posters.answers[507] == refused and not database.gave_up():
        assert time.monotonic() < give_up, posters.answers
        post_long(server.port, f"at {time.monotonic()}")  # posters' texts are short: InnoDB has room for many


def go_on(database: OnDisk, posters: Posters, within_seconds: float = WAIT_SECONDS) -> None:
    """Return when posts are taken again; one that gave up is started again, now that there is space."""
    taken, give_up = posters.answers[303], time.monotonic() + within_seconds
    while posters.answers[303] <= taken + 8:
        assert time.monotonic() < give_up, posters.answers
        database.start()
        time.sleep(0.05)


def told_and_kept(posters: Posters, database: OnDisk) -> Comparison:
    kept = [content for content in stored_texts(database.url) if content.startswith("token-")]
    return compare(posters.acknowledged, posters.sent, kept)
