"""The `db` commands as one types them, from whatever folder."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from ..databases import run_sql
from .conftest import Scripts
from .helpers import (
    BEFORE_HEAD,
    HEAD,
    connected,
    contents,
    make_tutorial_database,
    run_command,
    schema,
    start_command,
    state,
    version,
)

FLASK = ("flask", "--app", "commentsite", "db")
OWN = ("commentsite", "db")


@pytest.mark.parametrize("command", [FLASK, OWN], ids=["flask", "own"])
def test_upgrade_runs_from_any_folder(command: tuple[str, ...], empty_database: URL, tmp_path: Path) -> None:
    said = run_command(empty_database, *command, "upgrade", cwd=tmp_path)
    assert version(empty_database) == HEAD
    assert f"Running upgrade {BEFORE_HEAD} -> {HEAD}, " in said


def test_current_names_the_revision_from_any_folder(database: URL, tmp_path: Path) -> None:
    assert f"{HEAD} (head)" in run_command(database, *FLASK, "current", cwd=tmp_path)


def test_history_names_all_from_any_folder(database: URL, tmp_path: Path) -> None:
    assert f"{BEFORE_HEAD} -> {HEAD} (head), " in run_command(database, *FLASK, "history", cwd=tmp_path)


def test_check_runs_from_any_folder(database: URL, tmp_path: Path) -> None:
    assert "No new upgrade operations detected." in run_command(database, *FLASK, "check", cwd=tmp_path)


def test_check_finds_a_lost_index_from_any_folder(database: URL, tmp_path: Path) -> None:
    on_table = " ON comments" if database.get_backend_name() == "mysql" else ""
    run_sql(database, f"DROP INDEX ix_comments_thread_id_posted_id{on_table}")
    process = start_command(database, *FLASK, "check", cwd=tmp_path)
    assert "ix_comments_thread_id_posted_id" in process.communicate()[0]
    assert process.returncode == 1


def test_downgrade_runs_from_any_folder(database: URL, tmp_path: Path) -> None:
    run_command(database, *FLASK, "downgrade", cwd=tmp_path)
    assert version(database) == BEFORE_HEAD


def test_migrate_runs_from_any_folder(database: URL, tmp_path: Path, scripts: Scripts) -> None:
    said = run_command(database, *FLASK, "migrate", "-d", str(scripts.folder), "-m", "nothing", cwd=tmp_path)
    assert "No changes in schema detected." in said


def want_four_upgrades(url: URL, meanwhile: Callable[[], None]) -> None:
    """Start four upgrades, do something `meanwhile`, and want all to end well."""
    upgrades = [start_command(url, *FLASK, "upgrade") for _ in range(4)]
    meanwhile()
    said = [upgrade.communicate(timeout=120)[0] for upgrade in upgrades]
    assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0, 0], said


def test_upgrades_started_at_once_end_as_one(empty_database: URL, database: URL) -> None:
    make_tutorial_database(empty_database, [f"comment {n}" for n in range(500)])
    before = contents(empty_database)
    want_four_upgrades(empty_database, lambda: None)
    assert state(empty_database) == (HEAD, schema(database), before, 1)


@pytest.mark.only_on("sqlite")
def test_upgrades_that_all_wait_for_the_file_end_as_one(empty_database: URL, database: URL) -> None:
    make_tutorial_database(empty_database, ["first"])
    with connected(empty_database) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

        def let_go() -> None:
            time.sleep(3)  # until all four have come to where they need the file
            connection.rollback()

        want_four_upgrades(empty_database, let_go)
    assert state(empty_database) == (HEAD, schema(database), [(1, "first")], 1)


@pytest.mark.only_on("mysql")
def test_upgrade_waits_for_one_that_runs(empty_database: URL, database: URL) -> None:
    make_tutorial_database(empty_database, ["first"])
    with connected(empty_database) as connection:
        connection.exec_driver_sql("SELECT * FROM comments").all()  # stops the first where it changes the table
        first = start_command(empty_database, *FLASK, "upgrade")
        read_until(first, "Running upgrade 0002 -> 0003")
        second = start_command(empty_database, *FLASK, "upgrade")
        read_until(second, "Waiting for another migration of this database to end.")
    said = [upgrade.communicate(timeout=120)[0] for upgrade in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert state(empty_database) == (HEAD, schema(database), [(1, "first")], 1)


def read_until(process: subprocess.Popen[str], wanted: str) -> None:
    """Read what a process says until it says `wanted`."""
    assert process.stdout is not None
    said = ""
    while wanted not in said:
        line = process.stdout.readline()
        assert line, f"it ended without {wanted!r}: {said}"
        said += line


@pytest.mark.parametrize("name", ["current", "history", "check", "downgrade"])
@pytest.mark.only_on("sqlite")
def test_own_command_has_the_same(name: str, database: URL, tmp_path: Path) -> None:
    run_command(database, *OWN, name, cwd=tmp_path)
    assert version(database) == (BEFORE_HEAD if name == "downgrade" else HEAD)


@pytest.mark.only_on("sqlite")
def test_upgrade_says_why_it_cannot_have_the_database(database: URL, tmp_path: Path, scripts: Scripts) -> None:
    env = scripts.folder / "env.py"
    assert "LOCK_SECONDS = 600\n" in env.read_text()
    env.write_text(env.read_text().replace("LOCK_SECONDS = 600\n", "LOCK_SECONDS = 1\n"))
    with connected(database) as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        process = start_command(database, *FLASK, "upgrade", "-d", str(scripts.folder), cwd=tmp_path)
        said, _ = process.communicate()
    assert process.returncode == 1
    assert said.splitlines()[-1].endswith("end what holds it and run this again.")
