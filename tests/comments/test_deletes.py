"""Deleting one's own comment: what goes, what stays for the replies, and the counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from commentsite.clock import utc_now
from commentsite.comments import operations
from commentsite.comments.forms import EditDraft
from commentsite.comments.models import Comment, CommentVersion
from commentsite.comments.operations import EditWindowOver, delete_comment, edit_comment
from commentsite.db import db
from commentsite.errors import NotFound
from tests.factories import MOMENT, make_comment, make_replies, the_comment, the_thread

from .pages import OWN_PAGE, article, delete, link_named, post, shown_ids, text_of

WRITER = {"name": "Ada", "email": "ada@example.org", "website": "https://ada.example"}
KEPT = {"id", "posted", "thread_id", "parent_id", "root_id", "path", "reply_count", "revision", "edited", "deleted"}
KEPT |= {"head_html", "look"}  # which say no more than that it was deleted


EVER = 10**8  # minutes, so that what the factories made long ago can be deleted


def remove(number: int) -> Comment | None:
    return delete_comment(number, window_minutes=EVER)


def rows() -> list[int]:
    return list(db.session.scalars(select(Comment.id).order_by(Comment.id)))


def test_comment_without_replies_goes(app: Flask) -> None:
    with app.app_context():
        number = make_comment().id
        assert remove(number) is None
        assert rows() == []
        assert (the_thread().comment_count, the_thread().latest) == (0, None)


def test_comment_with_replies_leaves_a_placeholder(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "utc_now", lambda: MOMENT)
    with app.app_context():
        root = make_comment()
        replies = make_replies(root, [-1, 0])
        placeholder = remove(root.id)
        assert placeholder
        assert placeholder.deleted == MOMENT
        assert rows() == [root.id, *replies]
        assert [the_comment(number).content for number in replies] == ["reply 1", "reply 2"]


def test_placeholder_keeps_nothing_of_its_writer(app: Flask, client: FlaskClient) -> None:
    post(client, **WRITER)
    post(client, "reply", parent="1")
    delete(client, 1)
    with app.app_context():
        left = the_comment(1)
        assert {column.key for column in Comment.__table__.columns if getattr(left, column.key) is not None} <= KEPT


def test_placeholder_says_so_and_its_replies_stay(client: FlaskClient) -> None:
    post(client, "Secret words", **WRITER)
    post(client, "reply", parent="1")
    answer = delete(client, 1)
    assert (answer.status_code, answer.location) == (303, "/#comment-1")
    page = client.get("/").text
    assert shown_ids(page) == [1, 2]
    assert "This comment was deleted by its writer" in article(page, 1)
    assert "Reply" not in text_of(article(page, 1)).replace("Replies", "")
    assert "Secret words" not in page
    assert "Ada" not in page


def test_placeholder_is_not_counted(client: FlaskClient) -> None:
    post(client)
    post(client, "reply", parent="1")
    delete(client, 1)
    assert "1 comment" in client.get("/").text


def test_last_reply_takes_the_placeholders_above_along(app: Flask) -> None:
    with app.app_context():
        root = make_comment()
        chain = make_replies(root, range(-1, 5))
        for number in (root.id, *chain[:-1]):
            remove(number)
        assert rows() == [root.id, *chain]
        remove(chain[-1])
        assert rows() == []
        assert the_thread().comment_count == 0


def test_placeholder_stays_while_another_reply_is_below(app: Flask) -> None:
    with app.app_context():
        root = make_comment()
        one, below, other = make_replies(root, [-1, 0, -1])
        remove(root.id)
        remove(one)
        remove(below)
        assert rows() == [root.id, other]
        assert the_comment(root.id).reply_count == 1


def test_placeholders_go_up_to_the_first_that_lives(app: Flask) -> None:
    with app.app_context():
        root = make_comment()
        chain = make_replies(root, range(-1, 3))
        remove(chain[1])
        remove(chain[2])
        remove(chain[3])
        assert rows() == [root.id, chain[0]]
        assert (the_comment(root.id).reply_count, the_thread().comment_count) == (1, 2)


def test_latest_is_found_again(app: Flask) -> None:
    with app.app_context():
        first = make_comment(posted=MOMENT - timedelta(seconds=5))
        second = make_comment(posted=MOMENT)
        remove(second.id)
        assert the_thread().latest == first.posted
        remove(first.id)
        assert the_thread().latest is None


def test_latest_leaves_out_placeholders(app: Flask) -> None:
    with app.app_context():
        reply = make_replies(make_comment(posted=MOMENT), [-1], apart=timedelta(seconds=-1))[0]
        remove(1)
        assert the_thread().latest == the_comment(reply).posted


def test_earlier_versions_go_along(app: Flask) -> None:
    with app.app_context():
        for is_root in (True, False):
            number = make_comment().id
            edit_comment(EditDraft("new", 1), number, window_minutes=EVER)
            if is_root:
                make_comment(parent=the_comment(number))
            remove(number)
        assert db.session.scalar(select(func.count()).select_from(CommentVersion)) == 0


def test_delete_of_what_was_deleted_is_not_found(app: Flask) -> None:
    with app.app_context():
        root = make_comment()
        make_replies(root, [-1])
        remove(root.id)
        for number in (root.id, 99):
            with pytest.raises(NotFound):
                remove(number)


def test_delete_after_the_window_is_refused(app: Flask) -> None:
    with app.app_context():
        number = make_comment(posted=utc_now() - timedelta(minutes=15)).id
        with pytest.raises(EditWindowOver):
            delete_comment(number, window_minutes=15)
        assert rows() == [number]


def test_deleted_words_can_be_posted_again(client: FlaskClient) -> None:
    post(client)
    delete(client, 1)
    assert post(client).location == "/#comment-2"
    post(client, "reply", parent="2")
    delete(client, 2)
    assert post(client).location == "/#comment-4"


def test_delete_is_asked_for_first(client: FlaskClient) -> None:
    post(client, "Secret words")
    page = client.get(link_named(client.get("/").text, "Delete")).text
    assert "Secret words" in page
    assert 'method="post" action="/comments/1/delete"' in page
    assert shown_ids(client.get("/").text) == [1]


def test_delete_goes_back_to_the_thread(client: FlaskClient) -> None:
    post(client, path="/threads/a")
    answer = delete(client, 1)
    assert (answer.status_code, answer.location) == (303, "/threads/a#comments")
    assert shown_ids(client.get("/threads/a").text) == []


def test_thread_whose_comments_went_is_not_listed(client: FlaskClient) -> None:
    post(client, path="/threads/a")
    delete(client, 1)
    assert "/threads/a" not in client.get("/threads").text
    assert "No comments yet" in client.get("/threads/a").text


def test_permalink_of_a_placeholder_leads_to_it(client: FlaskClient) -> None:
    post(client)
    post(client, "reply", parent="1")
    delete(client, 1)
    for number in (1, 2):
        assert client.get(f"/comments/{number}").location == f"/#comment-{number}"
    assert shown_ids(client.get("/comments/1/replies").text) == [1, 2]


@pytest.mark.parametrize("verb", ["edit", "delete"])
def test_placeholder_cannot_be_changed(client: FlaskClient, verb: str) -> None:
    post(client)
    post(client, "reply", parent="1")
    delete(client, 1)
    assert client.get(f"/comments/1/{verb}").status_code == 404
    data = {"content": "Back", "revision": "1"}
    assert client.post(f"/comments/1/{verb}", data=data, headers=OWN_PAGE).status_code == 404


@pytest.mark.parametrize("name", ["2", "0", "-1", "x", "9223372036854775808", "%00"])
def test_delete_of_no_such_comment_is_not_found(client: FlaskClient, name: str) -> None:
    post(client)
    assert client.get(f"/comments/{name}/delete").status_code == 404
    assert client.post(f"/comments/{name}/delete", headers=OWN_PAGE).status_code == 404
    assert shown_ids(client.get("/").text) == [1]


def test_deep_chain_of_placeholders_goes_at_once(app: Flask) -> None:
    with app.app_context():
        root = make_comment()
        chain = make_replies(root, range(-1, 299), apart=timedelta(0))
        db.session.execute(update(Comment).where(Comment.id != chain[-1]).values(deleted=MOMENT))
        db.session.commit()
        remove(chain[-1])
        assert rows() == []
