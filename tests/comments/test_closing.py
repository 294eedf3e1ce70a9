"""Threads that are closed to new comments, and opened again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from commentsite.comments.operations import close_thread, open_thread
from tests.factories import make_comments, the_thread

from .pages import field, post, shown_ids, typed


@pytest.fixture
def closed(app: Flask, client: FlaskClient) -> FlaskClient:
    """A client of a site whose thread /a is closed, with one comment in it."""
    post(client, path="/threads/a")
    with app.app_context():
        close_thread("/a")
    return client


def test_closed_thread_refuses_and_keeps_what_was_typed(closed: FlaskClient) -> None:
    answer = post(closed, "My text", path="/threads/a", name="Ada")
    assert (answer.status_code, typed(answer.text), field(answer.text, "name")) == (409, "My text", "Ada")
    assert "closed" in answer.text
    assert shown_ids(closed.get("/threads/a").text) == [1]


def test_closed_thread_refuses_replies(closed: FlaskClient) -> None:
    assert post(closed, "Reply", path="/threads/a", parent="1").status_code == 409


def test_closed_thread_can_be_read(closed: FlaskClient) -> None:
    page = closed.get("/threads/a").text
    assert "This thread is closed" in page
    assert "<textarea" not in page
    assert ">Reply" not in page
    assert shown_ids(page) == [1]


def test_closed_thread_says_so_on_the_page_of_a_reply(closed: FlaskClient) -> None:
    page = closed.get("/comments/1/reply").text
    assert "This thread is closed" in page
    assert "<textarea" not in page


def test_closed_thread_leaves_others_open(closed: FlaskClient) -> None:
    assert post(closed, path="/threads/b").status_code == 303


def test_closed_thread_finds_a_post_that_was_there_before(closed: FlaskClient) -> None:
    assert post(closed, path="/threads/a").location == "/threads/a#comment-1"


def test_closed_thread_is_problem_json_to_a_program(closed: FlaskClient) -> None:
    answer = closed.post("/threads/a", data={"content": "x"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")


def test_thread_without_comments_can_be_closed(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        close_thread("/new")
    page = client.get("/threads/new").text
    assert "No comments were written here" in page
    assert "/threads/new" not in client.get("/threads").text


def test_opened_thread_takes_comments(app: Flask, closed: FlaskClient) -> None:
    with app.app_context():
        open_thread("/a")
    assert post(closed, "Again", path="/threads/a").status_code == 303


def test_closing_twice_is_closing_once(app: Flask, closed: FlaskClient) -> None:
    with app.app_context():
        before = the_thread("/a").version, the_thread("/a").closed
        close_thread("/a")
        assert (the_thread("/a").version, the_thread("/a").closed) == before


def test_thread_closed_by_another_process_is_closed_at_once(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        kept = the_thread("/")  # in this session, as it was
        with ThreadPoolExecutor(1) as pool:
            pool.submit(app.test_cli_runner().invoke, args=["close", "/"]).result()
        open_thread("/")
        assert kept.closed is None
    assert post(client).status_code == 303


def test_closed_thread_has_no_form_on_further_pages(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(60)
        close_thread("/")
    assert "<textarea" not in client.get("/?before=1499453220000000-9").text


@pytest.mark.parametrize("page", ["/a", "a", "//a/"])
def test_commands_close_and_open(client: FlaskClient, runner: FlaskCliRunner, page: str) -> None:
    result = runner.invoke(args=["close", page])
    assert (result.exit_code, result.output) == (0, "/a takes no more comments.\n")
    assert post(client, path="/threads/a").status_code == 409
    result = runner.invoke(args=["open", page])
    assert (result.exit_code, result.output) == (0, "/a takes comments.\n")
    assert post(client, path="/threads/a").status_code == 303


@pytest.mark.parametrize("command", ["close", "open"])
@pytest.mark.parametrize("page", ["..", "a/../b", "x" * 501, "a\tb"])
def test_commands_refuse_what_is_no_page(runner: FlaskCliRunner, command: str, page: str) -> None:
    result = runner.invoke(args=[command, page])
    assert result.exit_code == 1
    assert "is the path of no page" in result.output
