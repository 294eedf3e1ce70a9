"""A backup made while the site runs has every row; a file that is no whole backup is told from one."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy.engine import URL

from commentsite.comments import operations
from commentsite.comments.forms import CommentDraft
from commentsite.comments.models import Comment
from commentsite.db import db
from commentsite.transfer import archive, backup_commands, manifest, rotation
from tests.factories import MOMENT, make_comment
from tests.migrations.helpers import HEAD, db_command
from tests.transfer.copies import (
    backed_up,
    changed_manifest,
    execute,
    forged,
    hashes,
    highest,
    refusal,
    restored,
    write,
)
from tests.transfer.copies import manifest as manifest_in
from tests.transfer.files import run
from tests.transfer.test_round_trip import talk


@pytest.fixture
def backup(app: Flask, tmp_path: Path) -> Path:
    """A backup of a site with two comments."""
    with app.app_context():
        root = make_comment("Grüße 🐍", email="a@example.org")
        make_comment("A reply", parent=root)
    return backed_up(app, tmp_path / "x.zip")


def test_manifest_says_what_is_in_it(app: Flask, backup: Path, backend: str) -> None:
    said = manifest_in(backup)
    assert (said.database, said.revision, said.program) == (backend, HEAD, "0.1.0")
    assert said.hashes == hashes(app, {})
    assert said.tables["comments"].highest_id == highest(app)["comments"] == 2


def test_backup_is_an_sqlite_database_of_the_site(app: Flask, backup: Path, make_app: Callable[..., Flask]) -> None:
    with zipfile.ZipFile(backup) as packed:
        path = packed.extract(archive.DATABASE, backup.parent)
    copy = make_app(URL.create("sqlite", database=path))
    assert "Grüße" in copy.test_client().get("/").text
    assert hashes(copy, {}) == hashes(app, {})


def test_verify_says_that_it_is_whole(runner: FlaskCliRunner, backup: Path) -> None:
    said = run(runner, "backup", "verify", str(backup))
    assert "x.zip is whole" in said
    assert "comments: 2 rows" in said


def test_backup_is_its_owners_alone(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert os.listdir(backup.parent) == ["x.zip"]  # noqa: PTH208 - names that begin with a point as well


def test_backup_does_not_hold_the_secret_key_and_says_so(app: Flask, tmp_path: Path) -> None:
    said = run(app.test_cli_runner(), "backup", str(tmp_path / "x.zip"))
    assert "The secret key is not in it" in said
    with zipfile.ZipFile(tmp_path / "x.zip") as packed:
        assert app.config["SECRET_KEY"].encode() not in b"".join(map(packed.read, packed.namelist()))


def test_backup_while_others_write_has_all_that_was_acknowledged_before(app: Flask, tmp_path: Path) -> None:
    acknowledged: list[int] = []
    stop = threading.Event()

    def write_on() -> None:
        with app.app_context():
            root = None
            while not stop.is_set():
                draft = CommentDraft(f"number {len(acknowledged)}", parent_id=root)
                number = operations.post_comment(draft, thread_key="/", sender="s", secret="s").id
                root = root or number
                acknowledged.append(number)

    writer = threading.Thread(target=write_on)
    writer.start()
    while len(acknowledged) < 20:
        stop.wait(0.01)
    before = list(acknowledged)
    try:
        backed_up(app, tmp_path / "x.zip")
    finally:
        stop.set()
        writer.join()
    assert acknowledged[-1] > before[-1]
    _assert_consistent(tmp_path, before)


def _assert_consistent(folder: Path, numbers: list[int]) -> None:
    with zipfile.ZipFile(folder / "x.zip") as packed:
        path = packed.extract(archive.DATABASE, folder)
    with closing(sqlite3.connect(path)) as driver:
        there = {number for (number,) in driver.execute("SELECT id FROM comments")}
        assert set(numbers) <= there
        ((count, replies),) = driver.execute(
            "SELECT (SELECT comment_count FROM threads), (SELECT max(reply_count) FROM comments)"
        ).fetchall()
        assert (count, replies) == (len(there), len(there) - 1)
        assert {p for (p,) in driver.execute("SELECT parent_id FROM comments WHERE parent_id IS NOT NULL")} <= there


def test_file_named_verify_is_reached_by_its_folder(
    runner: FlaskCliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(runner, "backup", "./verify")
    assert "verify is whole" in run(runner, "backup", "verify", "verify")
    assert "takes one FILE" in run(runner, "backup", "verify", status=2)


def test_backup_of_another_revision_that_is_known(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        make_comment()
    db_command(app, "downgrade", "-x", "drop=comment_versions", "0010")
    said = manifest_in(backed_up(app, tmp_path / "x.zip"))
    assert (said.revision, said.tables["comments"].rows) == ("0010", 1)


def test_backup_of_an_unknown_revision_is_refused(app: Flask, tmp_path: Path) -> None:
    execute(app, "UPDATE alembic_version SET version_num = '9999'")
    said = run(app.test_cli_runner(), "backup", str(tmp_path / "x.zip"), status=1)
    assert "newer than this program" in said
    assert list(tmp_path.glob("*.zip*")) == []


def test_backup_keeps_columns_and_tables_that_no_migration_makes(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        make_comment()
    execute(
        app,
        "ALTER TABLE comments ADD COLUMN place VARCHAR(80)",
        "UPDATE comments SET place = 'Ålesund'",
        "CREATE TABLE oddities (word VARCHAR(20) PRIMARY KEY, seen DATETIME)",
        "INSERT INTO oddities VALUES ('x', '2017-07-07 18:47:00')",
    )
    said = manifest_in(backed_up(app, tmp_path / "x.zip"))
    assert said.hashes == hashes(app, {})
    assert said.tables["oddities"].rows == 1


@pytest.mark.only_on("sqlite")
def test_backup_leaves_out_what_runs_by_itself_and_says_so(app: Flask, tmp_path: Path) -> None:
    execute(app, "CREATE VIEW latest AS SELECT * FROM comments")
    assert "Not in it, since no restore would run it: the view latest" in run(
        app.test_cli_runner(), "backup", str(tmp_path / "x.zip")
    )
    assert "is whole" in run(app.test_cli_runner(), "backup", "verify", str(tmp_path / "x.zip"))


@pytest.mark.parametrize("path", ["no/such/folder/x.zip", "/proc/x.zip"])
def test_backup_where_nothing_can_be_written_says_so(runner: FlaskCliRunner, path: str) -> None:
    assert f"cannot write {path}: " in run(runner, "backup", path, status=1)


def test_backup_that_cannot_be_written_leaves_the_one_before(
    app: Flask, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = backup.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_pack", full)
    said = run(app.test_cli_runner(), "backup", str(backup), status=1)
    assert "No space left on device" in said
    assert backup.read_bytes() == before
    assert os.listdir(backup.parent) == ["x.zip"]  # noqa: PTH208


# Rotation


def test_keep_leaves_the_newest_and_files_of_other_names(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = tmp_path / "commentsite-mine.zip"
    strange.touch()
    for day in range(1, 5):
        monkeypatch.setattr(backup_commands, "utc_now", lambda day=day: MOMENT.replace(day=day))
        run(app.test_cli_runner(), "backup", "--keep", "2", str(tmp_path))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["commentsite-20170703T184700Z.zip", "commentsite-20170704T184700Z.zip", "commentsite-mine.zip"]


def test_keep_never_removes_the_one_that_was_just_made(tmp_path: Path) -> None:
    made = [rotation.dated(tmp_path, MOMENT.replace(day=day)) for day in (1, 2, 3)]
    for path in made:
        path.touch()
    assert rotation.outdated(tmp_path, 1, made[0]) == [made[2], made[1]]


def test_keep_removes_nothing_where_the_new_one_failed(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = rotation.dated(tmp_path, MOMENT)
    old.touch()
    execute(app, "UPDATE alembic_version SET version_num = '9999'")
    run(app.test_cli_runner(), "backup", "--keep", "1", str(tmp_path), status=1)
    assert list(tmp_path.iterdir()) == [old]


def test_keep_wants_a_folder(runner: FlaskCliRunner, tmp_path: Path) -> None:
    assert "wants a folder" in run(runner, "backup", "--keep", "3", str(tmp_path / "x.zip"), status=2)


# Files that are no whole backups. What reads them knows no database, so one is enough.


@pytest.mark.only_on("sqlite")
def test_every_cut_is_found(app: Flask, backup: Path) -> None:
    whole = backup.read_bytes()
    for length in [0, 1, 30, *range(100, len(whole), len(whole) // 12), len(whole) - 1]:
        backup.write_bytes(whole[:length])
        assert "is no backup to rely on" in refusal(app, backup), length


@pytest.mark.only_on("sqlite")
def test_every_altered_byte_is_found(app: Flask, backup: Path) -> None:
    whole = backup.read_bytes()
    with zipfile.ZipFile(backup) as packed:
        ends = [each.header_offset + 30 + len(each.filename) for each in packed.infolist()]
    # All but what unzips to the same, such as times in headers: the data of both files.
    for place in [ends[0] + 20, *range(ends[1] + 40, packed.start_dir - 40, (packed.start_dir - ends[1]) // 12)]:
        backup.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert "is no backup to rely on" in refusal(app, backup), place


def _set(*path: str, to: object) -> Callable[[dict[str, object]], None]:
    def change(said: dict[str, object]) -> None:
        inner: dict[str, object] = said
        for name in path[:-1]:
            inner = inner[name]  # type: ignore[assignment]
        inner[path[-1]] = to

    return change


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("version", to=2), "it has the format 2, and this program reads formats up to 1"),
        (_set("version", to="1"), "names no version"),
        (_set("format", to="tar"), "it is no backup of commentsite"),
        (_set("sha256", to="0" * 64), "the hash over all rows is not that of the tables"),
        (_set("tables", "comments", "rows", to=3), "the hash over all rows is not that of the tables"),
        (_set("tables", "comments", "rows", to=-1), "its manifest is not right: tables"),
        (_set("tables", to=[]), "its manifest is not right: tables"),
        (_set("file_bytes", to=10**15), "has not the length that its manifest names"),
        (_set("file_bytes", to=True), "its manifest is not right: file_bytes"),
        (_set("file_sha256", to="0" * 64), "its database is not the one that its manifest was written for"),
        (_set("revision", to="0016"), "has not the revision that its manifest names"),
        (_set("revision", to="../x"), "its manifest is not right: revision"),
        (_set("more", to=1), "it says more than there is to say"),
    ],
)
def test_manifest_that_is_not_true_is_found(
    app: Flask, backup: Path, change: Callable[[dict[str, object]], None], said: str
) -> None:
    changed_manifest(backup, change)
    assert said in refusal(app, backup)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "files",
    [
        {},
        {"manifest.json": b"{}"},
        {"../manifest.json": b"{}", "comments.db": b""},
        {"manifest.json": b"{}", "comments.db": b"", "/etc/passwd": b""},
        {"manifest.json": b"[" * 100_000, "comments.db": b""},
        {"manifest.json": b" " * (manifest.MAX_BYTES + 1), "comments.db": b""},
        {"manifest.json": b"\xff", "comments.db": b""},
    ],
)
def test_other_zips_are_no_backups(app: Flask, tmp_path: Path, files: dict[str, bytes]) -> None:
    write(tmp_path / "x.zip", files)
    assert "is no backup to rely on" in refusal(app, tmp_path / "x.zip")
    assert os.listdir(tmp_path) == ["x.zip"]  # noqa: PTH208


@pytest.mark.only_on("sqlite")
def test_bomb_is_refused_before_it_goes_off(app: Flask, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with forged(backup, backup.parent) as driver:
        driver.executescript("CREATE TABLE z (x); INSERT INTO z VALUES (zeroblob(30000000));")
    monkeypatch.setattr(archive, "FREE_BYTES", 1024)
    monkeypatch.setattr(archive, "_write", None)
    assert "which is too much for its length" in refusal(app, backup)


@pytest.mark.only_on("sqlite")
def test_declared_size_is_not_believed(app: Flask, backup: Path) -> None:
    whole = bytearray(backup.read_bytes())
    with zipfile.ZipFile(backup) as packed:
        declared = packed.getinfo(archive.DATABASE).file_size
    place = whole.rindex(declared.to_bytes(4, "little"))
    whole[place : place + 4] = (declared + 4096).to_bytes(4, "little")
    backup.write_bytes(whole)
    changed = "has not the length that its manifest names"
    assert changed in refusal(app, backup)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("CREATE VIEW v AS SELECT 1", "has a view"),
        ("CREATE TRIGGER t AFTER INSERT ON comments BEGIN SELECT 1; END", "has a trigger"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "has a table 'f'"),
        ("CREATE TABLE g (a INTEGER, b AS (a + 1))", "works out columns"),
        ("CREATE TABLE more (a)", "the table more is in its database alone"),
        ("DELETE FROM comments WHERE id = 2", "the table comments has 1 rows, and its manifest counts 2"),
        ("UPDATE comments SET name = 'Eve'", "the rows of the table comments are not those"),
        ("UPDATE comments SET content = CAST(x'ff' AS TEXT)", "its database is damaged"),
    ],
)
def test_database_that_is_not_true_is_found(
    app: Flask, backup: Path, monkeypatch: pytest.MonkeyPatch, made: str, said: str
) -> None:
    monkeypatch.setattr("tests.transfer.copies._true_hashes", lambda *_: {})
    with forged(backup, backup.parent) as driver:
        driver.execute(made)
    assert said in refusal(app, backup)


@pytest.mark.only_on("sqlite")
def test_file_that_is_not_there_is_said(app: Flask, tmp_path: Path) -> None:
    assert "cannot read" in refusal(app, tmp_path / "none.zip")
    assert "is no file" in refusal(app, tmp_path)


def test_round_trip_of_a_busy_site(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        talk(7, monkeypatch)
        count = db.session.query(Comment).count()
    assert manifest_in(backed_up(app, tmp_path / "x.zip")).tables["comments"].rows == count
    before = hashes(app)
    restored(app, tmp_path / "x.zip", "--replace")
    assert hashes(app) == before
