"""Commands about comments."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from commentsite.comments.models import Comment
from commentsite.db import db


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
