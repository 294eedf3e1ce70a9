"""An upgrade that is killed, at whatever moment, is finished by the next with every comment kept.

The figures are logged: pytest -m kills --log-cli-level=INFO [--kills 60]
"""

from __future__ import annotations

import json
import logging
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import URL

from commentsite.config import CHECKOUT_DIR

from ..databases import Databases, MySQLDatabases, run_sql
from .helpers import (
    CONVERSATION,
    HEAD,
    command_environment,
    contents,
    copy_database,
    make_tutorial_database,
    run_command,
    schema,
    start_command,
    state,
    version,
)

pytestmark = pytest.mark.kills

logger = logging.getLogger(__name__)

UPGRADE = ("flask", "--app", "commentsite", "db", "upgrade")
DOWNGRADE = ("downgrade", "-x", "drop=comment_versions", "0001")
ODD: list[str | None] = [None, "", "🎈" * 4096]
OLD_SET: list[str | None] = [None, "", "é" * 4096]  # for the set that old servers had as their default
SOME = [f"comment {n}" for n in range(4001)]  # three batches
MANY = [*ODD, *(f"comment {n}: " + "word " * (n % 50) for n in range(20_000))]

# Runs a command that dies at its nth moment (0: never) and returns its exit status and output.
Mortal = Callable[..., tuple[int, str]]


@pytest.fixture
def mortal(empty_database: URL) -> Iterator[Mortal]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.mortal"],
        env=command_environment(empty_database),
        cwd=CHECKOUT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    sent, answers = process.stdin, process.stdout

    def run(moment: int, *command: str) -> tuple[int, str]:
        sent.write(json.dumps([moment, *command]) + "\n")
        sent.flush()
        status, output = json.loads(answers.readline())
        return status, output

    yield run
    sent.close()
    assert process.wait() == 0
    answers.close()


def kill_everywhere(
    url: URL, start: URL, mortal: Mortal, command: tuple[str, ...], check: Callable[[str], None]
) -> int:
    """Kill `command` at each of its moments, from the database `start` every time, and check what is left.

    Returns how many moments there were.
    """
    moment = 0
    while True:
        moment += 1
        copy_database(start, url)
        status, said = mortal(moment, *command)
        if status == 0:
            return moment - 1
        assert status == -signal.SIGKILL, said
        check(f"killed at moment {moment}: {said.splitlines()[-1]}")


@pytest.fixture
def tutorials(databases: Databases) -> Iterator[URL]:
    """A database as the tutorial's code left it, to be copied."""
    if isinstance(databases, MySQLDatabases):
        url = databases.empty("latin1")
        make_tutorial_database(url, [*OLD_SET, *SOME])
    else:
        url = databases.empty()
        make_tutorial_database(url, [*ODD, *SOME])
    yield url
    databases.drop(url)


def test_upgrade_killed_at_any_statement_is_finished_by_the_next(
    backend: str, empty_database: URL, tutorials: URL, database: URL, mortal: Mortal
) -> None:
    right = (HEAD, schema(database), contents(tutorials), 1)

    def check(where: str) -> None:
        status, said = mortal(0, "upgrade")
        assert status == 0, f"{where}\n{said}"
        assert state(empty_database) == right, where

    count = kill_everywhere(empty_database, tutorials, mortal, ("upgrade",), check)
    logger.info("%s: upgrade killed at each of its %d moments, all finished by the next", backend, count)
    assert count > 50
    assert mortal(0, "check")[0] == 0


def test_downgrade_killed_at_any_statement_is_finished_by_the_next(
    backend: str, empty_database: URL, tutorials: URL, databases: Databases, mortal: Mortal
) -> None:
    start = databases.empty()
    copy_database(tutorials, empty_database)
    mortal(0, "upgrade")
    run_sql(empty_database, *CONVERSATION)
    copy_database(empty_database, start)
    mortal(0, *DOWNGRADE)
    right = ("0001", schema(empty_database), contents(start))

    def check(where: str) -> None:
        status, said = mortal(0, *DOWNGRADE)
        assert status == 0, f"{where}\n{said}"
        assert (version(empty_database), schema(empty_database), contents(empty_database)) == right, where

    count = kill_everywhere(empty_database, start, mortal, DOWNGRADE, check)
    logger.info("%s: downgrade killed at each of its %d moments, all finished by the next", backend, count)
    databases.drop(start)
    assert count > 30


def test_upgrade_killed_at_random_is_finished_by_the_next(
    backend: str, empty_database: URL, database: URL, databases: Databases, pytestconfig: pytest.Config
) -> None:
    start = databases.empty()
    make_tutorial_database(start, MANY)
    right = (HEAD, schema(database), contents(start), 1)
    whole = measured_upgrade(empty_database, start)
    kills: int = pytestconfig.getoption("--kills")
    done = [
        killed_after(whole * (n + random.random()) / kills, empty_database, start, right)  # noqa: S311
        for n in range(kills)
    ]
    running = sum(was_running for was_running, _ in done)
    left = dict(Counter(left for _, left in done))
    logger.info("%s: %d kills within the %.2f s of an upgrade, %d of one that ran", backend, kills, whole, running)
    logger.info("%s: they left the revisions %s; all finished by the next upgrade", backend, left)
    databases.drop(start)
    assert any(was_running for was_running, _ in done)


def begin_upgrade(url: URL, start: URL) -> subprocess.Popen[str]:
    """Start an upgrade from the database `start` and return when it has connected."""
    copy_database(start, url)
    process = start_command(url, *UPGRADE)
    assert process.stdout is not None
    assert "Context impl" in process.stdout.readline()
    return process


def measured_upgrade(url: URL, start: URL) -> float:
    """Upgrade untroubled; return the seconds from its connection to its end."""
    process = begin_upgrade(url, start)
    begin = time.monotonic()
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return time.monotonic() - begin


def killed_after(seconds: float, url: URL, start: URL, right: tuple[object, ...]) -> tuple[bool, str]:
    """Kill an upgrade after `seconds`, run another and want `right`; return whether the first still ran, and where."""
    process = begin_upgrade(url, start)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    left = version(url) or "none"
    run_command(url, *UPGRADE)
    assert state(url) == right, f"killed after {seconds:.3f} s, at {left}"
    return process.returncode == -signal.SIGKILL, left
