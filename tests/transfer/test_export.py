"""What goes out: every row, as it was at one moment, in a file that is whole or not there."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import delete

from commentsite.comments import operations
from commentsite.comments.forms import CommentDraft, EditDraft
from commentsite.comments.models import Thread
from commentsite.db import db
from commentsite.transfer import queries, writer
from tests.factories import make_comment, make_comments, make_replies
from tests.transfer.files import HELLO, problems, run, whole


def exported(runner: FlaskCliRunner, path: Path, *options: str) -> list[dict[str, Any]]:
    run(runner, "export", str(path), *options)
    assert problems(path.read_bytes()) == []
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def post(app: Flask, content: str, **fields: Any) -> int:
    with app.app_context():
        return operations.post_comment(CommentDraft(content, **fields), thread_key="/", sender="s", secret="s").id


def test_export_of_an_empty_site_is_whole(runner: FlaskCliRunner, tmp_path: Path) -> None:
    header, thread, footer = exported(runner, tmp_path / "x.jsonl")
    assert (header["format"], header["version"], header["comments"]) == ("commentsite", 1, 0)
    assert thread == {"kind": "thread", "key": "/", "closed": None}
    assert footer["kind"] == "footer"


def test_export_has_the_fields_of_a_comment(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    with app.app_context():
        make_comment("Hé\n", name="Ann", email="a@example.org", website="https://a.example", mark="0123456789abcdef")
    exported(runner, tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_text().splitlines()[2] == (
        '{"kind":"comment","id":1,"thread":"/","parent":null,"posted":"2017-07-07T18:47:00.000000Z","name":"Ann",'
        '"email":"a@example.org","website":"https://a.example","mark":"0123456789abcdef",'
        '"content":"Hé\\n","revision":1,"edited":null,"deleted":null}'
    )


def test_export_has_earlier_versions(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    number = post(app, "Hallo")
    with app.app_context():
        operations.edit_comment(EditDraft("Hello", 1), number, window_minutes=15)
    comment, version = exported(runner, tmp_path / "x.jsonl")[2:4]
    assert (comment["content"], comment["revision"]) == ("Hello", 2)
    assert (version["comment"], version["revision"], version["content"]) == (number, 1, "Hallo")


def test_export_without_addresses_has_none(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    post(app, "Hello", email="a@example.org")
    assert exported(runner, tmp_path / "x.jsonl", "--no-email")[0]["emails"] is False
    assert b"example.org" not in (tmp_path / "x.jsonl").read_bytes()


def test_export_goes_to_standard_output(app: Flask, runner: FlaskCliRunner) -> None:
    post(app, "Hello 🐍")
    result = runner.invoke(args=["export", "-"])
    assert problems(result.stdout_bytes) == []
    assert "1 comments in 1 threads were exported" in result.stderr


def test_export_in_batches_has_each_once(app: Flask, runner: FlaskCliRunner, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(queries, "BATCH_ROWS", 3)
    with app.app_context():
        root = make_comment()
        make_replies(root, range(-1, 9))
        numbers = [root.id, *range(2, 12), *make_comments(10, thread="/other")]
    assert [each["id"] for each in exported(runner, tmp_path / "x.jsonl")[3:-1]] == numbers


def test_export_sees_one_moment(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH_ROWS", 1)
    with app.app_context():
        make_comments(3)
        with queries.snapshot() as connection:
            counts = queries.counts(connection)
            found = queries.records(connection, with_emails=True)
            next(found)
            make_comments(3)
            assert (len(list(found)), counts.comments) == (3, 3)


def test_export_is_for_its_owner_alone(runner: FlaskCliRunner, tmp_path: Path) -> None:
    exported(runner, tmp_path / "x.jsonl")
    assert stat.S_IMODE((tmp_path / "x.jsonl").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


def test_export_that_fails_leaves_the_old_file(runner: FlaskCliRunner, tmp_path: Path, monkeypatch: Any) -> None:
    def breaks(*_: Any, **__: Any) -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    (tmp_path / "x.jsonl").write_text("old")
    monkeypatch.setattr(writer, "exported", breaks)
    assert "No space left" in run(runner, "export", str(tmp_path / "x.jsonl"), status=1)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.jsonl", "old")]


def test_export_names_a_comment_without_thread(app: Flask, runner: FlaskCliRunner, tmp_path: Path) -> None:
    with app.app_context():
        make_comments(1)
        db.session.execute(delete(Thread))
        db.session.commit()
    assert "Comment 1 stands in thread 1" in run(runner, "export", str(tmp_path / "x"), status=1)


def test_export_refuses_another_schema(empty_database: Any, make_app: Any, tmp_path: Path) -> None:
    runner = make_app(empty_database).test_cli_runner()
    assert "db upgrade" in run(runner, "export", str(tmp_path / "x"), status=1)


def test_check_says_that_a_file_is_right(runner: FlaskCliRunner, tmp_path: Path) -> None:
    exported(runner, tmp_path / "x.jsonl")
    assert "Every line" in run(runner, "export", "--check", str(tmp_path / "x.jsonl"))


def test_check_names_broken_lines(runner: FlaskCliRunner, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(whole([HELLO, b"{\n"]))
    output = run(runner, "export", "--check", str(tmp_path / "x.jsonl"), status=1)
    assert "line 2: its thread does not come before it" in output
    assert "line 3: this is no JSON" in output


def test_check_of_no_file_says_so(runner: FlaskCliRunner, tmp_path: Path) -> None:
    assert "is no file" in run(runner, "export", "--check", str(tmp_path / "none"), status=1)
