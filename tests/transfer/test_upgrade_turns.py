"""Upgrades at once are one, and one that is killed is finished by the next."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from commentsite.db import db
from commentsite.transfer import turns
from tests.databases import Databases
from tests.factories import make_comments
from tests.migrations.helpers import HEAD, contents, copy_database, db_command, version
from tests.migrations.test_commands import read_until
from tests.transfer.sites import backups_in, rolled_back, start, upgraded


@pytest.fixture
def old_site(database: URL, make_app: Callable[..., Flask], tmp_path: Path) -> Flask:
    """A site of an old schema with two thousand comments, and a data folder."""
    (tmp_path / "data").mkdir()
    site = make_app(database, DATA_DIR=str(tmp_path / "data"))
    with site.app_context():
        make_comments(2000)
    db_command(site, "downgrade", "-x", "drop=comment_versions", "0010")
    return site


def test_upgrades_at_once_are_one(old_site: Flask, database: URL) -> None:
    before = contents(database)
    with old_site.app_context(), turns.turn(lambda: None):
        processes = [start(old_site, "upgrade") for _ in range(2)]
        for process in processes:
            read_until(process, "Another upgrade or rollback of this database runs")
    said = sorted(process.communicate(timeout=120)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0], said
    assert [
        f"Another upgrade has done it: the database has this program's schema, {HEAD}." in each for each in said
    ] == [
        True,
        False,
    ]
    assert (version(database), contents(database), len(backups_in(old_site))) == (HEAD, before, 1)


def test_turn_goes_with_its_process(old_site: Flask, database: URL) -> None:
    with old_site.app_context():
        with turns.turn(lambda: pytest.fail("nobody has it")):
            pass
        with turns.turn(lambda: pytest.fail("it was given back")):
            pass


def test_turn_is_not_waited_for_without_end(old_site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0)
    with old_site.app_context(), turns.turn(lambda: None):
        assert "End it, or wait, and type the command again." in upgraded(old_site, status=1)


@pytest.mark.only_on("sqlite")
def test_turn_that_nobody_can_have_is_said(old_site: Flask, database: URL) -> None:
    lock = Path(f"{database.database}.upgrade")
    lock.mkdir()
    assert "cannot be" in upgraded(old_site, status=1)
    lock.rmdir()
    assert version(database) == "0010"


@pytest.fixture
def old(old_site: Flask, databases: Databases) -> Iterator[URL]:
    """A copy of the old site's database, to begin from again."""
    url = databases.empty()
    with old_site.app_context():
        db.engine.dispose()
        copy_database(db.engine.url, url)
    yield url
    databases.drop(url)


@pytest.mark.kills
def test_upgrade_killed_at_any_time_is_done_by_the_next(
    old_site: Flask, database: URL, old: URL, pytestconfig: pytest.Config
) -> None:
    before, kills = contents(old), pytestconfig.getoption("--kills")
    whole = float(re.findall(r"the migrations took ([\d.]+) s \(", upgraded(old_site))[0]) + 0.2
    ends = []
    for n in range(kills):
        with old_site.app_context():
            db.engine.dispose()
        copy_database(old, database)
        ends.append(_killed(old_site, whole * (n + random.random()) / kills))  # noqa: S311
        time.sleep(1)  # names of backups go by the second
        upgraded(old_site)
        assert (version(database), contents(database)) == (HEAD, before)
        db_command(old_site, "check")
        time.sleep(1)
        rolled_back(old_site)
        assert (version(database), contents(database)) == ("0010", before)
    assert -signal.SIGKILL in ends


def _killed(site: Flask, seconds: float) -> int:
    """Kill an upgrade so many seconds after the real one began; return how it ended."""
    records = Path(site.config["DATA_DIR"]) / "backups" / "upgrades.jsonl"
    begun = records.read_text().count("begun")
    process = start(site, "upgrade")
    while records.read_text().count("begun") == begun:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return process.returncode
