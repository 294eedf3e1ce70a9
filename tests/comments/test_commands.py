"""Commands about comments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from commentsite.comments import articles, commands, markup, operations, queries
from commentsite.comments.forms import EditDraft
from commentsite.comments.models import Comment
from commentsite.db import db
from tests.factories import MOMENT, make_comment, make_comments, make_replies, the_comment, the_thread


def test_demo_fills_the_database(app: Flask, runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["demo", "1203"])
    assert result.exit_code == 0
    assert "1,203 comments are there" in result.output
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Comment)) == 1203
        texts = db.session.scalars(select(Comment.content)).all()
        assert len(set(texts)) > 600
        assert max(map(len, filter(None, texts))) < 4096


def test_demo_is_ordered_by_time(app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["demo", "50"])
    with app.app_context():
        posted = db.session.scalars(select(Comment.posted).order_by(Comment.id)).all()
    assert posted == sorted(posted)


def test_demo_refuses_another_schema(empty_database: URL, make_app: Callable[..., Flask]) -> None:
    result = make_app(empty_database).test_cli_runner().invoke(args=["demo", "5"])
    assert result.exit_code == 1
    assert "db upgrade" in result.output


def test_demo_invents_replies_and_keeps_the_counts_true(app: Flask, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["demo", "1200"])
    with app.app_context():
        replies = db.session.scalar(select(func.count()).where(Comment.root_id.is_not(None)))
        assert replies
        assert 200 < replies < 800
        assert db.session.scalar(select(func.sum(Comment.reply_count))) == replies
        assert the_thread().comment_count == 1200
        assert the_thread().latest == db.session.scalar(select(func.max(Comment.posted)))


def test_demo_comes_after_what_is_there(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context():
        make_comment("Mine")
    assert runner.invoke(args=["demo", "10"]).exit_code == 0
    with app.app_context():
        assert the_comment(1).content == "Mine"
        assert the_thread().comment_count == 11


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have batches end after a few rows."""
    monkeypatch.setattr(commands, "BATCH_ROWS", 3)


@pytest.mark.usefixtures("batches")
def test_rerender_renders_what_has_no_html(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context():
        make_comments(10)
        make_comment("*new*")
        make_comment(None)
    result = runner.invoke(args=["rerender"])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "12 comments were rendered anew.")
    with app.app_context():
        assert "<em>new</em>" in (the_comment(11).content_html or "")
        assert the_comment(12).content_html is None


@pytest.mark.usefixtures("batches")
def test_rerender_leaves_alone_what_is_rendered(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context():
        renderer = markup.current_renderer()
        for n in range(7):
            make_comment(
                f"{n}",
                content_html=f"<p>{n}</p>",
                renderer=renderer if n % 2 else "an older one",
                head_html="head",
                look=articles.look(),
            )
        before = the_thread().version
    assert "4 comments were rendered anew." in runner.invoke(args=["rerender"]).output
    with app.app_context():
        assert [(the_comment(n + 1).content_html == f"<p>{n}</p>") for n in range(7)] == [False, True] * 3 + [False]
        assert {the_comment(n + 1).renderer for n in range(7)} == {renderer}
        assert the_thread().version > before


def test_rerender_twice_finds_nothing(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context():
        make_comments(3)
    runner.invoke(args=["rerender"])
    with app.app_context():
        before = the_thread().version
    assert "0 comments were rendered anew." in runner.invoke(args=["rerender"]).output
    with app.app_context():
        assert the_thread().version == before


def test_rerender_of_nothing_is_done_at_once(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["rerender"])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "0 comments were rendered anew.")


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_change_during_a_rerender_survives(app: Flask, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    find = queries.stale_comments

    def find_and_wait(*given: Any) -> Any:
        found = find(*given)
        if change == "edit":
            operations.edit_comment(EditDraft("**later**", 1), number, window_minutes=10**8)
        else:
            operations.delete_comment(number, window_minutes=10**8)
        return found

    with app.app_context():
        number = make_comment("*early*").id
        make_replies(the_comment(number), [-1])
        monkeypatch.setattr(queries, "stale_comments", find_and_wait)
        operations.rerender_comments(0, 10)
        kept = the_comment(number).content_html or ""
    assert "early" not in kept
    assert ("<strong>later</strong>" in kept) == (change == "edit")


def test_rerender_keeps_texts_times_and_revisions(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context():
        make_comment("*a*\n\n<b>")
    runner.invoke(args=["rerender"])
    with app.app_context():
        kept = the_comment(1)
        assert (kept.content, kept.revision, kept.edited, kept.posted) == ("*a*\n\n<b>", 1, None, MOMENT)


@pytest.mark.parametrize("command", [["rerender"], ["close", "/"], ["open", "/"]])
def test_command_refuses_another_schema(
    empty_database: URL, make_app: Callable[..., Flask], command: list[str]
) -> None:
    result = make_app(empty_database).test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert "db upgrade" in result.output
