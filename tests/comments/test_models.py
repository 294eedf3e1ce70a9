"""What a row of the table keeps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy.exc import StatementError

from commentsite.comments.models import Comment
from commentsite.db import Base, db
from tests.factories import make_comment


def test_posted_is_kept_to_the_microsecond_in_utc(app: Flask) -> None:
    moment = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=timezone(timedelta(hours=2)))
    with app.app_context():
        number = make_comment(posted=moment).id
        db.session.expire_all()
        kept = db.session.get_one(Comment, number).posted
    assert kept == moment
    assert kept.tzinfo is timezone.utc


def test_posted_refuses_a_moment_without_zone(app: Flask) -> None:
    with app.app_context(), pytest.raises(StatementError, match="needs its zone"):
        make_comment(posted=datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_content_comes_back_as_it_went_in(app: Flask) -> None:
    text = "😀 é e\u0301 \t trailing  "
    with app.app_context():
        number = make_comment(text).id
        db.session.expire_all()
        assert db.session.get_one(Comment, number).content == text


def test_id_of_a_deleted_comment_is_not_given_again(app: Flask) -> None:
    with app.app_context():
        first = make_comment()
        number = first.id
        db.session.delete(first)
        db.session.commit()
        assert make_comment().id > number


def test_models_are_of_our_base_and_its_types() -> None:
    assert issubclass(Comment, Base)
    assert not issubclass(Comment, db.Model)
    assert Comment.metadata is db.metadata
    assert type(Comment.__table__.c.posted.type).__name__ == "UTCDateTime"
