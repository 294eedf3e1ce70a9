"""A restore that is killed, at whatever moment, lost nothing, and the next one does what it was to do."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import URL, Connection

from commentsite.db import db
from commentsite.transfer import scratch, swap_mysql
from tests.databases import Databases
from tests.factories import make_comment, make_comments
from tests.migrations.helpers import HEAD, db_command, start_command
from tests.migrations.helpers import select as rows_of
from tests.transfer.copies import backed_up, contents, restored

REPLACE = "--replace"


def start(url: URL, path: Path) -> subprocess.Popen[str]:
    return start_command(url, "commentsite", "restore", REPLACE, str(path))


@pytest.fixture
def larger(app: Flask, tmp_path: Path, make_app: Callable[..., Flask], databases: Databases) -> Iterator[Path]:
    """A backup of two thousand comments."""
    url = databases.at_head()
    site = make_app(url)
    with site.app_context():
        make_comments(2000, thread="/many")
    yield backed_up(site, tmp_path / "larger.zip")
    with site.app_context():
        db.engine.dispose()
    databases.drop(url)


@pytest.mark.kills
def test_restore_killed_at_any_time_is_done_by_the_next(
    app: Flask, database: URL, larger: Path, pytestconfig: pytest.Config
) -> None:
    _kill_and_restore(app, database, larger, pytestconfig.getoption("--kills"), HEAD)


@pytest.mark.kills
@pytest.mark.only_on("mysql")
def test_restore_over_another_schema_killed_at_any_time_is_done_by_the_next(
    app: Flask, database: URL, larger: Path, pytestconfig: pytest.Config
) -> None:
    _kill_and_restore(app, database, larger, pytestconfig.getoption("--kills"), "0010")


def _kill_and_restore(app: Flask, url: URL, backup: Path, kills: int, revision: str) -> None:
    """Kill restores over one comment and the schema `revision`; want it or all of the backup, and then the backup."""
    with app.app_context():
        make_comment("Before")
    before = backed_up(app, backup.with_name("before.zip"))
    whole = _seconds_of(start(url, backup))
    ends = []
    for n in range(kills):
        restored(app, before, REPLACE)
        db_command(app, "downgrade", "-x", "drop=comment_versions", revision)
        process = start(url, backup)
        # Most of the time goes by before the database is touched at all.
        time.sleep(whole * (0.4 + 0.6 * (n + random.random()) / kills))  # noqa: S311
        process.kill()
        process.communicate()
        ends.append(process.returncode)
        assert _survivors(app, url) in (1, 2000)
        restored(app, backup, REPLACE)
        assert _survivors(app, url) == 2000
        db_command(app, "check")
    assert -signal.SIGKILL in ends


def _seconds_of(process: subprocess.Popen[str]) -> float:
    begin = time.monotonic()
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return time.monotonic() - begin


def _survivors(app: Flask, url: URL) -> int:
    """Return how many comments there are, under the site's name or the one that says that they are kept."""
    kept = f"{swap_mysql.KEPT}comments"
    tables = {name for (name,) in rows_of(url, "SHOW TABLES")} if url.get_backend_name() == "mysql" else set()
    ((count,),) = rows_of(url, f"SELECT count(*) FROM {kept if kept in tables else 'comments'}")
    return int(count)


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("at", ["CREATE TABLE restore_new_threads", "migrate", "back", "DROP TABLE restore_old"])
def test_restore_cut_short_at_each_step_leaves_all_that_was(
    app: Flask, database: URL, backup: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    if at in ("migrate", "back"):
        db_command(app, "downgrade", "-x", "drop=comment_versions", "0010")
    cut = _Cut(monkeypatch, at)
    with pytest.raises(_Killed):
        restored(app, backup, REPLACE, status=1)
    assert cut.happened
    monkeypatch.undo()
    monkeypatch.setenv("FLASK_SKIP_DOTENV", "1")
    assert _survivors(app, database) == (1 if at.startswith("DROP") else 2)
    restored(app, backup, REPLACE)
    assert contents(app) == ["In the backup"]
    assert [name for (name,) in rows_of(database, "SHOW TABLES") if name.startswith("restore_")] == []


class _Killed(BaseException):
    """Stands for SIGKILL: nothing is put right after it."""


class _Cut:
    """Ends a restore before one of its statements, as SIGKILL would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
        self.happened = False
        self.at = at
        self.run, self.recover, self.migrate = swap_mysql._run, swap_mysql._recover, scratch.migrate_app
        for name, instead in (("_run", self._run), ("_recover", self._recover), ("migrate_app", self._migrate)):
            monkeypatch.setattr(swap_mysql, name, instead)

    def _run(self, connection: Connection, statement: str) -> None:
        is_back = self.at == "back" and "restore_kept_comments TO comments" in statement
        if statement.startswith(self.at) or is_back:
            self._end()
        self.run(connection, statement)

    def _recover(self, connection: Connection, names: Collection[str]) -> None:
        if not self.happened:
            self.recover(connection, names)

    def _migrate(self, revision: str) -> None:
        if self.at == "migrate":
            self._end()
        self.migrate(revision)

    def _end(self) -> None:
        self.happened = True
        raise _Killed
