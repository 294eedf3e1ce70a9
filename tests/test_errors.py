"""Answers to what goes wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from commentsite.db import db

SECRET_DETAIL = "the password is hunter2"


BrokenSite = Callable[[Exception], FlaskClient]


@pytest.fixture
def broken(database: URL, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> BrokenSite:
    """A function that gives a client of an app, as it runs in production, whose post fails with an error."""

    def client(error: Exception) -> FlaskClient:
        def fail(*_args: object, **_kwargs: object) -> None:
            raise error

        monkeypatch.setattr("commentsite.comments.operations.post_comment", fail)
        return make_app(database, TESTING=False, SECRET_KEY="k" * 40).test_client()

    return client


def test_fault_shows_no_detail_and_keeps_the_text(broken: BrokenSite) -> None:
    answer = broken(RuntimeError(SECRET_DETAIL)).post("/", data={"content": "typed"})
    assert answer.status_code == 500
    assert SECRET_DETAIL not in answer.text
    assert "Traceback" not in answer.text
    assert "typed</textarea>" in answer.text


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("INSERT", {"content": SECRET_DETAIL}, Exception(2003, "no server")),
        OperationalError("INSERT", {"content": SECRET_DETAIL}, Exception("database or disk is full")),
        NoFreeConnection("QueuePool limit reached"),
    ],
)
def test_database_away_is_503_with_retry_after(
    broken: BrokenSite, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = broken(error).post("/", data={"content": "typed"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "typed</textarea>" in answer.text
    assert "it will not appear twice" in answer.text
    assert len(caplog.records) == 1
    assert SECRET_DETAIL not in caplog.text


def test_page_of_an_error_has_one_heading_and_is_kept_by_nobody(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert answer.text.count("<h1") == 1
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "accept", ["application/json", "application/problem+json", "application/json, text/html;q=0.5"]
)
def test_program_gets_problem_json(client: FlaskClient, accept: str) -> None:
    answer = client.get("/nowhere", headers={"Accept": accept})
    assert answer.content_type == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "There is no page at this address.",
        "errors": {},
    }


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "text/html,application/json;q=0.9", "image/png", "x"])
def test_browser_gets_a_page(client: FlaskClient, accept: str) -> None:
    assert client.get("/nowhere", headers={"Accept": accept}).mimetype == "text/html"


def test_json_that_was_sent_is_answered_in_json(client: FlaskClient) -> None:
    answer = client.post("/", json={"content": "x"})
    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")


def test_broken_statement_does_not_bring_the_text_into_the_log(
    database: URL, make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(database, TESTING=False, SECRET_KEY="k" * 40)
    with app.app_context():
        db.session.execute(text("ALTER TABLE comments RENAME TO moved"))
        db.session.commit()
    assert app.test_client().post("/", data={"content": SECRET_DETAIL}).status_code in (500, 503)
    assert caplog.text
    assert SECRET_DETAIL not in caplog.text


def test_form_sent_as_plain_text_is_refused_and_kept(client: FlaskClient) -> None:
    answer = client.post("/", data="content=a=b\r\nc\rd", content_type="text/plain")
    assert answer.status_code == 415
    assert ">\na=b\nc\nd</textarea>" in answer.text


def test_first_of_fields_of_one_name_is_kept(client: FlaskClient) -> None:
    body = b"content=%20&content=second"
    answer = client.post("/", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 422
    assert ">\n </textarea>" in answer.text


def test_form_of_too_many_parts_is_refused(client: FlaskClient) -> None:
    fields = {f"field{n}": "x" for n in range(30)}
    assert client.post("/", data={**fields, "content": "x"}, content_type="multipart/form-data").status_code == 413
