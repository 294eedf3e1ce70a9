"""Replies: where they stand, how far they are indented, what cannot be replied to."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from commentsite.comments import operations
from commentsite.comments.forms import CommentDraft
from commentsite.comments.operations import delete_comment, post_comment
from commentsite.errors import InvalidInput
from tests.factories import MOMENT, make_comment, make_replies, the_comment, the_thread

from .pages import article, delete, field, link_named, post, shown_ids, text_of, typed


def levels(page: str) -> dict[int, int]:
    """Return how far each comment of a page is indented."""
    return {int(number): int(level) for number, level in re.findall(r'id="comment-(\d+)" class="\S+ level-(\d)', page)}


def test_reply_stands_below_what_it_replies_to(client: FlaskClient) -> None:
    post(client, "first")
    post(client, "second")
    answer = post(client, "reply to the first", parent="1")
    assert (answer.status_code, answer.location) == (303, "/#comment-3")
    assert levels(client.get("/").text) == {2: 0, 1: 0, 3: 1}


def test_reply_counts_in_its_thread_and_branch(app: Flask, client: FlaskClient) -> None:
    post(client, "first")
    post(client, "reply", parent="1")
    post(client, "reply to the reply", parent="2")
    with app.app_context():
        assert [the_comment(number).reply_count for number in (1, 2, 3)] == [2, 0, 0]
        assert the_thread().comment_count == 3
        assert (the_comment(3).parent_id, the_comment(3).root_id) == (2, 1)


def test_reply_page_shows_what_one_replies_to(client: FlaskClient) -> None:
    post(client, "The question", name="Ada", path="/threads/blog")
    page = client.get(link_named(client.get("/threads/blog").text, "Reply")).text
    assert "Reply to <bdi>Ada</bdi>" in page
    assert shown_ids(page) == [1]
    assert field(page, "parent") == "1"
    assert 'action="/threads/blog"' in page


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "9223372036854775808", "%00"])
def test_reply_page_of_no_such_comment_is_not_found(client: FlaskClient, number: str) -> None:
    post(client)
    assert client.get(f"/comments/{number}/reply").status_code == 404


def test_reply_page_of_a_deleted_comment_is_not_found(client: FlaskClient) -> None:
    post(client)
    post(client, "reply", parent="1")
    delete(client, 1)
    answer = client.get("/comments/1/reply")
    assert answer.status_code == 404
    assert "deleted" in answer.text


def test_reply_refused_is_still_a_reply(client: FlaskClient) -> None:
    post(client)
    answer = post(client, " ", parent="1")
    assert answer.status_code == 422
    assert field(answer.text, "parent") == "1"
    assert "Your reply" in answer.text


@pytest.mark.parametrize("parent", ["0", "-1", "x", "99", str(2**62), str(2**63), "1 OR 1", "\u0661"])
def test_reply_to_nothing_is_refused_and_kept(client: FlaskClient, parent: str) -> None:
    post(client)
    answer = post(client, "My reply", parent=parent)
    assert (answer.status_code, typed(answer.text)) == (422, "My reply")
    assert "is not there any more" in answer.text
    assert 'name="parent"' not in answer.text
    assert shown_ids(client.get("/").text) == [1]


def test_reply_to_a_comment_of_another_thread_is_refused(client: FlaskClient) -> None:
    post(client, path="/threads/a")
    answer = post(client, "My reply", path="/threads/b", parent="1")
    assert (answer.status_code, typed(answer.text)) == (422, "My reply")
    assert shown_ids(client.get("/threads/b").text) == []


def test_reply_to_a_deleted_comment_is_refused(client: FlaskClient) -> None:
    post(client)
    post(client, "reply", parent="1")
    delete(client, 1)
    assert post(client, "too late", parent="1").status_code == 422
    assert shown_ids(client.get("/").text) == [1, 2]


def test_reply_to_a_comment_that_is_gone_is_refused(client: FlaskClient) -> None:
    post(client)
    delete(client, 1)
    answer = client.post("/", data={"content": "late", "parent": "1"}, headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert set(answer.json["errors"]) == {"parent"}


def test_reply_of_the_same_words_to_another_comment_is_another(client: FlaskClient) -> None:
    post(client, "one")
    post(client, "two")
    assert post(client, "Thanks!", parent="1").location.endswith("#comment-3")
    assert post(client, "Thanks!", parent="2").location.endswith("#comment-4")
    assert post(client, "Thanks!", parent="1").location.endswith("#comment-3")


@pytest.mark.parametrize("depth", range(8))
def test_replies_are_indented_to_the_set_depth(database: URL, make_app: Callable[..., Flask], depth: int) -> None:
    app = make_app(database, REPLY_DEPTH=str(depth))
    with app.app_context():
        root = make_comment()
        chain = make_replies(root, range(-1, 11))
    page = app.test_client().get("/").text
    assert levels(page) == {number: min(level, depth) for level, number in enumerate([root.id, *chain])}


def test_deeper_replies_say_what_they_reply_to(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        chain = make_replies(make_comment(), range(-1, 9))
    page = client.get("/").text
    for place, number in enumerate(chain):
        said = re.search(
            r'<p class="(in-reply[^"]*)">in reply to (?:<a href="#comment-(\d+)">)?', article(page, number)
        )
        assert said
        assert said.groups() == (("in-reply unseen", None) if place < 4 else ("in-reply", str(number - 1)))


def test_deeper_reply_names_its_parent(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        deep = make_comment(parent=the_comment(make_replies(make_comment(), range(-1, 6))[-1]), name="Bob")
        make_comment("Yes", parent=deep)
    said = text_of(article(client.get("/").text, deep.id + 1))
    assert "in reply to Bob" in said


def test_replies_of_a_branch_stand_each_below_its_parent(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        root = make_comment()
        made = make_replies(root, [-1, -1, 0, 1, 2, 0, -1, 1])
    expected = [made[place] for place in (0, 2, 4, 5, 1, 3, 7, 6)]
    assert shown_ids(client.get("/").text) == [root.id, *expected]


def test_replies_of_a_fan_are_in_the_order_of_their_posting(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        fan = make_replies(make_comment(), [-1] * 45)
    assert shown_ids(client.get("/").text)[1:] == fan


@pytest.mark.parametrize(
    ("replies", "shown", "more"), [(50, 50, None), (51, 50, "1 more reply"), (300, 50, "250 more")]
)
@pytest.mark.parametrize("shape", ["chain", "fan"])
def test_long_branch_is_cut_and_says_how_many_are_more(
    app: Flask, client: FlaskClient, shape: str, replies: int, shown: int, more: str | None
) -> None:
    with app.app_context():
        make_replies(make_comment(), range(-1, replies - 1) if shape == "chain" else [-1] * replies)
    page = client.get("/").text
    assert len(shown_ids(page)) == 1 + shown
    assert re.findall(r"(\d+ more)\b", text_of(page)) == ([" ".join(more.split()[:2])] if more else [])


def test_each_of_many_branches_shows_a_few_replies(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        for _ in range(25):
            make_replies(make_comment(), [-1] * 7)
    page = client.get("/").text
    assert len(shown_ids(page)) == 25 * (1 + 5)
    assert text_of(page).count("2 more replies") == 25


def race(*work: Callable[[], object]) -> list[object]:
    """Run functions at the same moment; return what each returned or raised."""
    barrier = threading.Barrier(len(work))

    def run(each: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return each()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_reply_and_delete_at_once_leave_no_orphan(app: Flask) -> None:
    def reply(number: int, n: int) -> int:
        with app.app_context():
            draft = CommentDraft(f"reply {n}", parent_id=number)
            return post_comment(draft, thread_key="/", sender="b", secret="s").id

    def remove(number: int) -> None:
        with app.app_context():
            delete_comment(number, window_minutes=15)

    for n in range(12):
        with app.app_context():
            number = post_comment(CommentDraft(f"comment {n}"), thread_key="/", sender="a", secret="s").id
        came, went = race(lambda number=number, n=n: reply(number, n), lambda number=number: remove(number))  # type: ignore[misc]
        assert went is None
        with app.app_context():
            if isinstance(came, int):
                assert the_comment(number).deleted
                assert the_comment(came).parent_id == number
            else:
                assert isinstance(came, InvalidInput)


def test_replies_of_eight_at_once_are_all_counted(app: Flask) -> None:
    with app.app_context():
        number = make_comment().id

    def reply(n: int) -> None:
        with app.app_context():
            draft = CommentDraft(f"reply {n}", parent_id=number)
            post_comment(draft, thread_key="/", sender="b", secret="s")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(reply, range(40)))
    with app.app_context():
        assert the_comment(number).reply_count == 40
        assert the_thread().comment_count == 41


def test_reply_whose_answer_was_lost_is_found_after_its_parent_went(app: Flask) -> None:
    def reply() -> int:
        draft = CommentDraft("reply", parent_id=1)
        return post_comment(draft, thread_key="/", sender="b", secret="s").id

    with app.app_context():
        post_comment(CommentDraft("comment"), thread_key="/", sender="a", secret="s")
        first = reply()
        delete_comment(1, window_minutes=15)
        assert reply() == first


def test_additions_reply_to_earlier_ones(app: Flask, client: FlaskClient) -> None:
    additions = [operations.Addition(f"{n}", MOMENT, parent=parent) for n, parent in enumerate([None, 0, 1, 0])]
    with app.app_context():
        operations.add_comments(additions, thread_key="/a")
        assert the_comment(1).reply_count == 3
    assert levels(client.get("/threads/a").text) == {1: 0, 2: 1, 3: 2, 4: 1}
