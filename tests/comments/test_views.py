"""The comment page: what it shows, what it takes, what it refuses and keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from commentsite.comments.urls import CONTEXT_COMMENTS
from tests.factories import MOMENT, make_comment, make_comments

from .pages import FORM, link, shown_ids, stored, typed


def test_thread_invites_the_first_comment(client: FlaskClient) -> None:
    assert "Write the first one" in client.get("/").text


def test_thread_shows_time_text_and_zone(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comment("Hello", MOMENT)
    page = client.get("/").text
    assert '<time datetime="2017-07-07T18:47:00Z">Posted Friday, 07 July 2017 at 18:47</time>' in page
    assert "at 18:47</time> UTC</a>" in page
    assert '<p dir="auto">Hello</p>' in page


def test_thread_shows_fifty_newest_first(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = make_comments(51)
    assert shown_ids(client.get("/").text) == ids[:0:-1]


def test_thread_links_walk_through_all_and_back(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = make_comments(120, apart=timedelta(0))
    seen, page, address = [], "", "/"
    while address:
        page = client.get(address).text
        seen += shown_ids(page)
        address = link(page, "next") or ""
    assert seen == ids[::-1]
    back = client.get(link(page, "prev") or "").text
    assert shown_ids(back) == ids[69:19:-1]
    assert shown_ids(client.get(link(back, "prev") or "").text) == ids[119:69:-1]


def test_thread_newest_page_links_to_no_newer(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(51)
    page = client.get("/").text
    assert link(page, "prev") is None
    assert link(page, "next")


def test_thread_after_the_newest_shows_the_newest(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = make_comments(3)
    assert shown_ids(client.get("/?after=9000000000000000-1").text) == ids[::-1]


def test_thread_before_the_oldest_says_so(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comments(3)
    answer = client.get("/?before=0-1")
    assert (answer.status_code, shown_ids(answer.text)) == (200, [])
    assert "There are no older comments" in answer.text


def test_thread_takes_a_cursor_whose_comment_is_gone(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = make_comments(3)
    micros = int((MOMENT + timedelta(seconds=90)).timestamp()) * 1_000_000
    assert shown_ids(client.get(f"/?before={micros}-77").text) == ids[1::-1]


@pytest.mark.parametrize(
    "query",
    [
        "before=",
        "before=x",
        "before=1-",
        "before=1-0",
        "before=1-01",
        "before=-1",
        "after=1-99999999999999999999",
        "before=999999999999999999-1",
        "before=-999999999999999999-1",
        "before=1-1%00",
        "before=%FF",
        "before=1-1&after=1-1",
        "before=\u0661-\u0661",
        "before=1-1%0A",
    ],
)
def test_thread_refuses_a_cursor_that_names_no_place(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/?{query}")
    assert answer.status_code == 422
    assert "Begin at the newest" in answer.text


def test_thread_shows_a_comment_without_text(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_comment(None)
        make_comment("")
    assert client.get("/").text.count("This comment has no text") == 2


def test_thread_escapes_what_was_typed(client: FlaskClient) -> None:
    client.post("/", data={"content": "<script>alert(1)</script> & \"'"})
    page = client.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in page
    assert "<script>alert" not in page


def test_thread_shows_the_sites_zone_format_and_title(database: URL, make_app: Callable[..., Flask]) -> None:
    app = make_app(
        database,
        TIMEZONE="America/New_York",
        TIMESTAMP_FORMAT="Posted %A, %B %d, %Y at %I:%M %p",
        TITLE="Guests & Co",
        DESCRIPTION="What they say",
    )
    with app.app_context():
        make_comment()
    page = app.test_client().get("/").text
    assert '<time datetime="2017-07-07T18:47:00Z">Posted Friday, July 07, 2017 at 02:47 PM</time>' in page
    assert "PM</time> EDT</a>" in page
    assert "Times are shown in America/New_York" in page
    assert "<title>Guests &amp; Co</title>" in page
    assert '<meta name="description" content="What they say">' in page


def test_thread_answers_head_like_get(client: FlaskClient) -> None:
    got, head = client.get("/"), client.head("/")
    assert (head.status_code, head.data, head.content_length) == (200, b"", got.content_length)


def test_post_comment_goes_to_the_comment(client: FlaskClient) -> None:
    answer = client.post("/", data={"content": "Hi 🎈"})
    assert (answer.status_code, answer.location) == (303, "/#comment-1")
    assert shown_ids(client.get("/").text) == [1]


def test_post_comment_takes_multipart(client: FlaskClient) -> None:
    assert client.post("/", data={"content": "Grüße"}, content_type="multipart/form-data").status_code == 303
    assert "Grüße" in client.get("/").text


def test_post_comment_takes_4096_characters_of_four_bytes(client: FlaskClient) -> None:
    assert client.post("/", data={"content": "😀" * 4096}).status_code == 303
    assert "😀" * 4096 in client.get("/").text


def test_post_comment_counts_a_line_break_once(client: FlaskClient) -> None:
    assert client.post("/", data={"content": "a\r\n" * 2048}).status_code == 303


def test_post_comment_twice_stores_one(client: FlaskClient) -> None:
    answers = [client.post("/", data={"content": "Once"}) for _ in range(2)]
    assert [answer.location for answer in answers] == ["/#comment-1"] * 2
    assert stored(client) == 1


def test_post_comment_twice_goes_to_where_the_first_now_stands(app: Flask, client: FlaskClient) -> None:
    client.post("/", data={"content": "Once"})
    with app.app_context():
        make_comments(60, first=MOMENT.replace(year=2999))
    location = client.post("/", data={"content": "Once"}).location
    assert location.endswith("#comment-1")
    assert shown_ids(client.get(location).text).index(1) == CONTEXT_COMMENTS


def test_post_comment_of_another_browser_is_another(client: FlaskClient) -> None:
    client.post("/", data={"content": "Thanks!"}, headers={"User-Agent": "one"})
    client.post("/", data={"content": "Thanks!"}, headers={"User-Agent": "two"})
    assert stored(client) == 2


def test_post_comment_texts_that_differ_by_case_or_blank_are_two(client: FlaskClient) -> None:
    for content in ("straße", "STRASSE", "Straße", "straße ", "🍕", "🍔"):
        client.post("/", data={"content": content})
    assert stored(client) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "nothing to see"),
        (" \r\n\t ", "nothing to see"),
        ("\u200b\u2800\u3164\ufe0f", "nothing to see"),
        ("x" * 4097, "4,097 characters"),
        ("😀" * 4097, "4,097 characters"),
    ],
)
def test_post_comment_refuses_and_keeps_what_was_typed(client: FlaskClient, content: str, message: str) -> None:
    answer = client.post("/", data={"content": content})
    assert answer.status_code == 422
    assert message in answer.text
    assert typed(answer.text) == content.replace("\r\n", "\n")
    assert stored(client) == 0


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\uffff"])
def test_post_comment_refuses_control_characters(client: FlaskClient, control: str) -> None:
    answer = client.post("/", data={"content": f"a{control}b"})
    assert answer.status_code == 422
    assert "control characters" in answer.text
    assert typed(answer.text) == "ab"


@pytest.mark.parametrize("body", [b"content=caf%E9", b"content=caf\xe9", b"content=a%ED%A0%80b"])
def test_post_comment_refuses_what_is_not_utf8(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/", data=body, content_type=FORM)
    assert answer.status_code == 422
    assert "UTF-8" in answer.text
    assert "\ufffd" in typed(answer.text)


def test_post_comment_refuses_multipart_that_is_not_utf8(client: FlaskClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\ncaf\xe9\r\n--b--\r\n'
    assert client.post("/", data=body, content_type="multipart/form-data; boundary=b").status_code == 422


def test_post_comment_refuses_a_missing_field(client: FlaskClient) -> None:
    answer = client.post("/", data={"other": "x"})
    assert answer.status_code == 422
    assert "The text is missing" in answer.text


def test_post_comment_refuses_a_file_in_its_place(client: FlaskClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\nhello\r\n--b--\r\n'
    assert client.post("/", data=body, content_type="multipart/form-data; boundary=b").status_code == 422


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/octet-stream", ""])
def test_post_comment_refuses_another_content_type(client: FlaskClient, content_type: str) -> None:
    answer = client.post("/", data=b'{"content": ["x"]}', content_type=content_type)
    assert answer.status_code == 415
    assert stored(client) == 0


def test_post_comment_refuses_a_body_far_too_large_unread(client: FlaskClient) -> None:
    answer = client.post("/", data={"content": "x" * 70_000})
    assert answer.status_code == 413
    assert "your browser still has your text" in answer.text


def test_post_comment_refuses_chunks_that_are_too_many(client: FlaskClient) -> None:
    """A body without a length is cut at the limit by werkzeug; what is left must not pass for the whole."""
    body = b"pad=" + b"x" * 65_500 + b"&content=" + b"a" * 3_000
    environ = {"wsgi.input_terminated": True, "wsgi.input": BytesIO(body)}
    answer = client.post("/", content_type=FORM, environ_overrides=environ)
    assert answer.status_code == 413
    assert "<textarea" not in answer.text
    assert stored(client) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
    ],
)
def test_post_comment_refuses_another_site_and_keeps_the_text(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/", data={"content": "mine"}, headers=headers)
    assert answer.status_code == 403
    assert typed(answer.text) == "mine"
    assert stored(client) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://rewritten.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},
    ],
)
def test_post_comment_takes_its_own_site(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/", data={"content": "mine"}, headers=headers).status_code == 303


def test_post_comment_takes_an_allowed_origin(database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(database, ALLOWED_ORIGINS="https://www.example.com").test_client()
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://www.example.com"}
    assert client.post("/", data={"content": "mine"}, headers=headers).status_code == 303


def test_post_comment_answers_json_to_a_program(client: FlaskClient) -> None:
    answer = client.post("/", data={"content": " "}, headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code == 422
    assert "nothing to see" in answer.json["errors"]["content"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_thread_refuses_other_methods(client: FlaskClient, method: str) -> None:
    answer = client.open("/", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_comment_leads_to_its_place_however_deep(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        ids = make_comments(180, apart=timedelta(0))
    for number in (ids[0], ids[60], ids[129], ids[130], ids[179]):
        answer = client.get(f"/comments/{number}")
        assert (answer.status_code, answer.location.split("#")[1]) == (302, f"comment-{number}")
        assert number in shown_ids(client.get(answer.location).text)


@pytest.mark.parametrize(
    "number", ["0", "-1", "01", "1.5", "x", "%00", "1e3", "4294967297", "9223372036854775808", "9" * 400, "１", "None"]
)
def test_comment_of_no_such_number_is_not_found(client: FlaskClient, number: str) -> None:
    answer = client.get(f"/comments/{number}")
    assert answer.status_code == 404
    assert "Go to the newest comments" in answer.text


@pytest.mark.parametrize("path", ["/", "/comments/1", "/nowhere", "/static/site.css", "/?before=x"])
def test_every_answer_is_hardened(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Set-Cookie" not in headers
