"""Pages kept before Flask: always true, the same for all who may share them, and no more of them than there is room."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import sleep
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from commentsite import versions
from commentsite.comments import operations
from commentsite.front import LEAST_LARGE_BYTES, Front, Page, takes_gzip
from tests.databases import run_sql
from tests.factories import make_comment

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def front_of(app: Flask) -> Front:
    assert isinstance(app.wsgi_app, Front)
    return app.wsgi_app


@pytest.fixture
def writer(app: Flask) -> FlaskClient:
    """A visitor who has posted comment 1."""
    writer = app.test_client()
    writer.post("/", data={"content": "Hello", "name": "Canary", "email": "canary@example.com", "remember": "yes"})
    return writer


@pytest.fixture
def reader(app: Flask, writer: FlaskClient) -> FlaskClient:
    """A visitor without cookies, to whom the page with comment 1 was shown."""
    reader = app.test_client(use_cookies=False)
    reader.get("/")
    return reader


@pytest.fixture
def made(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that came through to Flask."""
    front, paths = front_of(app), []
    behind = front.wsgi_app

    def counted(environ: dict[str, Any], start: Any) -> Any:
        paths.append(environ["PATH_INFO"])
        return behind(environ, start)

    monkeypatch.setattr(front, "wsgi_app", counted)
    return paths


def test_front_sends_a_page_again_without_making_it(reader: FlaskClient, made: list[str]) -> None:
    answers = [reader.get("/"), reader.get("/?order=oldest"), reader.get("/?order=oldest"), reader.head("/")]
    assert made == ["/"]
    assert [answer.status_code for answer in answers] == [200] * 4


def test_front_shows_a_post(reader: FlaskClient, writer: FlaskClient) -> None:
    writer.post("/", data={"content": "news"})
    assert "news" in reader.get("/").text


def test_front_shows_an_edit(reader: FlaskClient, writer: FlaskClient) -> None:
    writer.post("/comments/1/edit", data={"content": "other words", "revision": "1"}, headers=SAME_ORIGIN)
    assert "other words" in reader.get("/").text


def test_front_shows_a_deletion(reader: FlaskClient, writer: FlaskClient) -> None:
    writer.post("/comments/1/delete", headers=SAME_ORIGIN)
    assert "No comments yet" in reader.get("/").text


def test_front_shows_a_reply_on_the_page_of_replies(reader: FlaskClient, writer: FlaskClient) -> None:
    assert "There are no replies" in reader.get("/comments/1/replies").text
    writer.post("/", data={"content": "an answer", "parent": "1"})
    assert "an answer" in reader.get("/comments/1/replies").text


def test_front_shows_that_a_thread_was_closed(app: Flask, reader: FlaskClient) -> None:
    with app.app_context():
        operations.close_thread("/")
    assert "takes no more comments" in reader.get("/").text


def test_front_keeps_a_page_when_another_thread_changes(
    reader: FlaskClient, writer: FlaskClient, made: list[str]
) -> None:
    writer.post("/threads/elsewhere", data={"content": "news"})
    reader.get("/")
    assert made == ["/threads/elsewhere"]


def test_front_shows_what_another_process_wrote(
    database: URL, make_app: Callable[..., Flask], reader: FlaskClient
) -> None:
    make_app(database).test_client().post("/", data={"content": "from next door"})
    assert "from next door" in reader.get("/").text


def test_front_shows_no_page_while_the_schema_is_another(app: Flask, database: URL, reader: FlaskClient) -> None:
    app.extensions["commentsite.schema_right_until"] = 0.0
    run_sql(database, "UPDATE alembic_version SET version_num = '0016'")
    assert reader.get("/").status_code == 503


def test_front_answers_what_a_browser_holds_with_304(reader: FlaskClient, made: list[str]) -> None:
    tag = reader.get("/").headers["ETag"]
    answer = reader.get("/", headers={"If-None-Match": f'W/"other", {tag}'})
    assert (answer.status_code, answer.data, answer.headers["ETag"], made) == (304, b"", tag, [])
    assert reader.get("/", headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_front_compresses_for_those_who_take_it(reader: FlaskClient) -> None:
    plain, packed = reader.get("/"), reader.get("/", headers=GZIP)
    assert gzip.decompress(packed.data) == plain.data
    assert (packed.headers["Content-Encoding"], packed.content_length) == ("gzip", len(packed.data))
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize("headers", [{}, GZIP])
@pytest.mark.parametrize("path", ["/", "/threads/new", "/threads", "/comments/1", "/nowhere", "/favicon.ico"])
def test_head_agrees_with_get(reader: FlaskClient, path: str, headers: dict[str, str]) -> None:
    head, got = reader.head(path, headers=headers), reader.get(path, headers=headers, buffered=True)
    assert (head.status_code, head.data) == (got.status_code, b"")
    assert {**head.headers} == {**got.headers}


@pytest.mark.parametrize(("size", "level"), [(LEAST_LARGE_BYTES - 1, 8), (LEAST_LARGE_BYTES, 6)])
def test_front_takes_less_time_to_compress_what_is_large(size: int, level: int) -> None:
    body = Random(1).randbytes(size).translate(b"ab" * 128)  # noqa: S311 - higher levels search it for long
    page = Page([("ETag", 'W/"x"')], body, None, None)
    assert page.compressed[1] == gzip.compress(body, level, mtime=0)


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [("gzip", True), ("gzip;q=0.5, *;q=0", True), ("*", True), ("", False), ("br", False), ("gzip;q=0, br", False)],
)
def test_takes_gzip(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) == takes


def test_front_never_keeps_what_cookies_hold(app: Flask, reader: FlaskClient, writer: FlaskClient) -> None:
    for path in ("/", "/?order=oldest", "/comments/1/replies"):
        own = writer.get(path, headers={"Cache-Control": "no-cache"})
        assert "canary@example.com" in own.text or "/comments/1/edit" in own.text
        assert own.headers["Cache-Control"] == "private, no-cache"
        assert "/comments/1/edit" not in reader.get(path).text
    kept = b"".join(page.body for page in front_of(app).pages.values())
    assert b"canary@example.com" not in kept
    assert b"/edit" not in kept


def test_front_gives_no_visitor_the_page_of_another(reader: FlaskClient, writer: FlaskClient) -> None:
    own, shared = writer.get("/").headers["ETag"], reader.get("/").headers["ETag"]
    assert own != shared
    assert reader.get("/", headers={"If-None-Match": own}).status_code == 200
    assert writer.get("/", headers={"If-None-Match": shared}).status_code == 200


def test_front_keeps_no_more_than_there_is_room(database: URL, make_app: Callable[..., Flask]) -> None:
    app = make_app(database, PAGE_CACHE_MB="1")
    with app.app_context():
        make_comment("Hello")
    client = app.test_client(use_cookies=False)
    for number in range(400):
        client.get(f"/?crawl={number}")
    front = front_of(app)
    assert front.bytes == sum(page.size for page in front.pages.values()) <= 1024 * 1024
    assert 10 < len(front.pages) < 400


def test_front_drops_the_page_not_asked_for_longest(database: URL, make_app: Callable[..., Flask]) -> None:
    app = make_app(database, PAGE_CACHE_MB="1")
    client = app.test_client(use_cookies=False)
    with app.app_context():
        make_comment("Hello")
    for number in range(400):
        client.get(f"/?crawl={number}")
        client.get("/")
    assert ("localhost", "", "/", "") in front_of(app).pages
    assert ("localhost", "", "/", "crawl=0") not in front_of(app).pages


def test_front_is_left_out_where_there_is_no_room_for_pages(database: URL, make_app: Callable[..., Flask]) -> None:
    assert not isinstance(make_app(database, PAGE_CACHE_MB="0").wsgi_app, Front)


def test_front_answers_for_the_host_that_was_asked(database: URL, make_app: Callable[..., Flask]) -> None:
    app = make_app(database, TRUSTED_HOSTS="localhost")
    client = app.test_client(use_cookies=False)
    with app.app_context():
        make_comment("Hello")
    assert client.get("/").status_code == client.get("/").status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_front_passes_on_where_the_database_does_not_answer(
    app: Flask, backend: str, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    monkeypatch.setattr(front_of(app).versions, "_state" if backend == "sqlite" else "_states", broken)
    assert reader.get("/").status_code == 200
    assert made == ["/"]


def broken(_thread_id: int) -> None:
    raise OperationalError("", None, Exception("no way to the database"))


def test_style_is_kept_for_good_by_its_edition(reader: FlaskClient, made: list[str]) -> None:
    page = reader.get("/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    first, again = reader.get(address, headers=GZIP), reader.get(address, headers=GZIP)
    assert "immutable" in first.headers["Cache-Control"]
    assert (first.data, made) == (again.data, ["/static/site.css"])
    assert "immutable" not in reader.get("/static/site.css?v=other", buffered=True).headers.get("Cache-Control", "")


def test_front_makes_a_page_anew_where_a_backup_was_restored(
    database: URL, reader: FlaskClient, made: list[str]
) -> None:
    run_sql(database, "UPDATE threads SET latest = '2001-01-01 00:00:00.000000'")  # of the same version
    reader.get("/")
    assert made == ["/"]


def test_front_does_not_wait_in_a_row_for_a_server_that_hangs(
    app: Flask, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = front_of(app).versions
    monkeypatch.setattr(versions, "LOCK_SECONDS", 0.01)
    if backend == "mysql":
        asked.lock.acquire()  # type: ignore[attr-defined]
        assert asked.state(1) is None
        asked.lock.release()  # type: ignore[attr-defined]
    assert asked.state(1)


@pytest.mark.only_on("mysql")
def test_those_who_wait_share_one_statement(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        make_comment(thread="/other")
    asked = front_of(app).versions
    assert isinstance(asked, versions.MySQLVersions)
    each = {number: asked.state(number) for number in (1, 2, 3)}
    statements, run = [], asked._states

    def noted(thread_ids: Collection[int]) -> dict[int, versions.State]:
        statements.append(set(thread_ids))
        return run(thread_ids)

    monkeypatch.setattr(asked, "_states", noted)
    with ThreadPoolExecutor(4) as pool:
        with asked.lock:
            found = [pool.submit(asked.state, number) for number in (1, 2, 3, 1)]
            while len(asked.waiting) < len(found):
                sleep(0.001)
        assert [one.result() for one in found] == [each[1], each[2], None, each[1]]
    assert statements == [{1, 2, 3}]


def test_front_passes_on_where_no_connection_is_free(
    app: Flask, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_engine: object) -> None:
        raise NoFreeConnection

    front = front_of(app)
    monkeypatch.setattr(versions, "own_connection", busy)
    monkeypatch.setattr(front, "versions", type(front.versions)(front.versions.engine))  # type: ignore[attr-defined,call-arg]
    assert reader.get("/").status_code == 200
