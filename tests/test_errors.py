"""Answers to what goes wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
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
        OperationalError("INSERT", {"content": SECRET_DETAIL}, Exception("disk I/O error")),
        OperationalError("INSERT", {"content": SECRET_DETAIL}, Exception(1030, "Got error 122 from storage engine X")),
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


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (OperationalError, ("database or disk is full",)),
        (OperationalError, (1021, "Disk full (/tmp/#sql_1_0); waiting for someone to free some space...")),
        (OperationalError, (1114, "The table 'comments' is full")),
        (OperationalError, (1026, "Error writing file './binlog' (errno: 28 \"No space left on device\")")),
        (OperationalError, (1030, 'Got error 28 "No space left on device" from storage engine InnoDB')),
        (InternalError, (3, 'Error writing file (Errcode: 28 "No space left on device")')),
        (InternalError, (3, "Error writing file (OS errno 122 - Disk quota exceeded)")),
    ],
)
def test_full_disk_is_507_with_the_text_kept(
    broken: BrokenSite, kind: type[DBAPIError], reason: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    answer = broken(kind("INSERT", {"content": SECRET_DETAIL}, Exception(*reason))).post("/", data={"content": "typed"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
    assert "typed</textarea>" in answer.text
    assert "no space left: POST /" in caplog.text
    assert SECRET_DETAIL not in caplog.text


def test_other_trouble_with_files_is_no_full_disk(broken: BrokenSite) -> None:
    error = InternalError("INSERT", {}, Exception(3, 'Error writing file (Errcode: 5 "Input/output error")'))
    assert broken(error).post("/", data={"content": "typed"}).status_code == 500


@pytest.mark.only_on("sqlite")
def test_full_database_takes_posts_again_when_there_is_space(app: Flask, client: FlaskClient) -> None:
    pages = {"most": 1}  # SQLite takes less than what is there for what is there
    with app.app_context():
        engine = db.engine
    event.listen(engine, "checkout", lambda raw, *_: raw.execute(f"PRAGMA max_page_count = {pages['most']}").close())
    content = "long " * 800
    assert client.post("/", data={"content": content}).status_code == 507
    assert client.get("/").status_code == 200
    pages["most"] = 100_000
    assert client.post("/", data={"content": content}).status_code == 303


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
