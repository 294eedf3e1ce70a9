"""The comment page."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_thread_invites_the_first_comment(client: FlaskClient) -> None:
    assert "Write the first one" in client.get("/").text


def test_post_comment_goes_to_the_comment(client: FlaskClient) -> None:
    answer = client.post("/", data={"content": "Hi 🎈"})
    assert (answer.status_code, answer.location) == (303, "/#comment-1")
    assert '<article id="comment-1"' in client.get("/").text
