"""Whose comment it is: the signed cookie, all that can be wrong with it, and where a change may come from."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy.engine import URL
from werkzeug.test import TestResponse

from commentsite.clock import utc_now
from commentsite.comments import cookies
from commentsite.security import signer
from tests.conftest import SECRET
from tests.factories import make_comment

from .pages import OWN_PAGE, article, delete, edit, post, text_of

OWN = "commentsite-own"
WRITER = "commentsite-writer"
EDIT = {"content": "Changed", "revision": "1"}


def own_cookie(client: FlaskClient, name: str = OWN) -> str:
    cookie = client.get_cookie(name)
    assert cookie
    return cookie.value


def with_cookie(app: Flask, value: str, name: str = OWN) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(name, value)
    return client


def assert_stranger(client: FlaskClient, number: int = 1) -> None:
    """Assert that this browser is offered no change of a comment and allowed none."""
    assert "Edit" not in text_of(article(client.get("/").text, number))
    for verb in ("edit", "delete"):
        assert client.get(f"/comments/{number}/{verb}").status_code == 403
        assert client.post(f"/comments/{number}/{verb}", data=EDIT, headers=OWN_PAGE).status_code == 403


def test_writer_is_offered_to_change_a_comment(client: FlaskClient) -> None:
    post(client)
    shown = text_of(article(client.get("/").text, 1))
    assert "Edit" in shown
    assert "Delete" in shown


def test_another_browser_is_a_stranger(app: Flask, client: FlaskClient) -> None:
    post(client)
    assert_stranger(app.test_client())


def test_refused_edit_keeps_the_text(app: Flask, client: FlaskClient) -> None:
    post(client)
    answer = app.test_client().post("/comments/1/edit", data=EDIT, headers=OWN_PAGE)
    assert ">\nChanged</textarea>" in answer.text


def test_writer_keeps_several_comments(client: FlaskClient) -> None:
    for n in range(3):
        post(client, f"comment {n}")
    assert [edit(client, number, "Changed").status_code for number in (1, 2, 3)] == [303] * 3


def test_writer_of_very_many_keeps_the_newest(client: FlaskClient) -> None:
    for n in range(cookies.MOST_OWN + 2):
        answer = post(client, f"comment {n}")
    assert len(answer.headers["Set-Cookie"]) < 4096
    assert edit(client, cookies.MOST_OWN + 2, "Changed").status_code == 303
    assert edit(client, 1, "Changed").status_code == 403


@pytest.mark.parametrize(
    "forge",
    [
        # Not the last: some of its bits are no part of the signature.
        lambda value: value[:-2] + ("a" if value[-2] != "a" else "b") + value[-1],
        lambda value: value[:-20],
        lambda value: "x" + value,
        lambda value: "",
        lambda value: "....",
        lambda value: ".".join(["W10", *value.split(".")[1:]]),
        lambda value: URLSafeTimedSerializer("another site's key", salt="commentsite own").dumps(["1-1"]),
        lambda value: URLSafeTimedSerializer(SECRET, salt="something else").dumps(["1-1"]),
        lambda value: "\x80\xff\u20ac",
        lambda value: "9" * 3000,
    ],
    ids=["flipped", "cut", "longer", "empty", "dots", "other claims", "other key", "other purpose", "bytes", "digits"],
)
def test_forged_cookie_is_a_strangers(app: Flask, client: FlaskClient, forge: Callable[[str], str]) -> None:
    post(client)
    assert_stranger(with_cookie(app, forge(own_cookie(client))))


def test_swapped_cookie_is_a_strangers(app: Flask, client: FlaskClient) -> None:
    post(client, name="Ada", remember="yes")
    assert_stranger(with_cookie(app, own_cookie(client, WRITER)))
    assert 'value="Ada"' not in with_cookie(app, own_cookie(client), WRITER).get("/").text


def test_expired_cookie_is_a_strangers(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as long_ago:
        long_ago.setattr("itsdangerous.timed.time.time", lambda: 1_500_000_000)
        post(client)
    value = own_cookie(client)
    monkeypatch.setattr("commentsite.comments.policy.may_edit", lambda *_: True)
    assert_stranger(with_cookie(app, value))


def test_claim_is_over_when_the_window_is(app: Flask) -> None:
    with app.app_context():
        comment = make_comment("Old", utc_now() - timedelta(minutes=15))
        claim = cookies.claim(comment)
        value = str(signer("own").dumps([claim]))
    assert_stranger(with_cookie(app, value), comment.id)


def test_comment_that_took_the_id_after_a_restore_is_a_strangers(app: Flask, client: FlaskClient) -> None:
    post(client)
    value = own_cookie(client)
    delete(client, 1)
    with app.app_context():
        make_comment("Another's", utc_now(), id=1)
    assert_stranger(with_cookie(app, value))


def test_cookie_for_one_comment_opens_no_other(app: Flask, client: FlaskClient) -> None:
    post(client, "one")
    post(app.test_client(), "two")
    assert_stranger(with_cookie(app, own_cookie(client)), 2)


@pytest.mark.parametrize("verb", ["edit", "delete"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=["nothing said", "cross-site", "same-site", "other origin", "null"],
)
def test_change_from_elsewhere_is_refused(client: FlaskClient, verb: str, headers: dict[str, str]) -> None:
    post(client)
    assert client.post(f"/comments/1/{verb}", data=EDIT, headers=headers).status_code == 403
    assert "Hello" in client.get("/").text


@pytest.mark.parametrize("headers", [OWN_PAGE, {"Origin": "http://localhost"}])
def test_change_from_the_own_page_is_taken(client: FlaskClient, headers: dict[str, str]) -> None:
    post(client)
    assert client.post("/comments/1/edit", data=EDIT, headers=headers).status_code == 303
    assert client.post("/comments/1/delete", headers=headers).status_code == 303


def content_of(value: str) -> str:
    """Return what a cookie of ours says to whoever reads it."""
    payload = value.split(".")[1] if value.startswith(".") else value.split(".")[0]
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return (zlib.decompress(raw) if value.startswith(".") else raw).decode()


def test_cookie_holds_nothing_personal(client: FlaskClient) -> None:
    post(client, "My words", name="Ada", email="ada@example.org", website="https://ada.example", path="/threads/secret")
    assert re.fullmatch(r'\["\d{16}-1"\]', content_of(own_cookie(client)))


@pytest.mark.parametrize("is_secure", [False, True])
def test_cookies_are_guarded(app: Flask, is_secure: bool) -> None:
    data = {"content": "Hi", "name": "Ada", "remember": "yes"}
    base = "https://localhost" if is_secure else "http://localhost"
    answer = app.test_client().post("/", data=data, headers=OWN_PAGE, base_url=base)
    for cookie in answer.headers.getlist("Set-Cookie"):
        parts = {part.split("=")[0] for part in cookie.split("; ")}
        assert {"HttpOnly", "SameSite", "Path", "Max-Age"} <= parts
        assert "SameSite=Lax" in cookie
        assert ("Secure" in parts) == cookie.startswith("__Host-") == is_secure
        assert "Domain" not in parts
        assert "Path=/" in cookie.split("; ")


def test_cookies_of_https_work_there(app: Flask) -> None:
    client = app.test_client()

    def send(path: str, **data: str) -> TestResponse:
        return client.post(path, data=data, headers=OWN_PAGE, base_url="https://localhost")

    send("/", content="Hi", name="Ada", remember="yes")
    assert 'value="Ada"' in client.get("/", base_url="https://localhost").text
    assert send("/comments/1/edit", **EDIT).status_code == 303


@pytest.mark.parametrize("path", ["/", "/threads", "/comments/1", "/comments/1/replies", "/comments/1/reply"])
def test_reading_sets_no_cookie(client: FlaskClient, path: str) -> None:
    post(client)
    client.delete_cookie(OWN)
    assert "Set-Cookie" not in client.get(path).headers


def test_window_of_the_cookie_is_the_settings(database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(database, EDIT_WINDOW_MINUTES="7").test_client()
    assert "Max-Age=420" in post(client).headers["Set-Cookie"]


def test_post_again_in_a_moment_is_the_writers(app: Flask, client: FlaskClient) -> None:
    post(client)
    again = app.test_client()  # the browser took the second of two answers
    assert post(again).location.endswith("#comment-1")
    assert edit(again, 1, "Changed").status_code == 303


def test_post_again_later_may_be_somebody_elses(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client)
    monkeypatch.setattr("commentsite.comments.policy.OWN_AGAIN_SECONDS", 0)
    other = app.test_client()
    assert post(other).location.endswith("#comment-1")
    assert_stranger(other)
