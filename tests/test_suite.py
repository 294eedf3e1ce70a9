"""What the tests themselves rest on."""

from __future__ import annotations

from flask import Flask, g, has_app_context
from flask.testing import FlaskClient


def test_no_context_lies_around_a_whole_test(app: Flask, client: FlaskClient) -> None:
    assert not has_app_context()

    @app.get("/mark")
    def mark() -> str:
        was_marked, g.marked = "marked" in g, True
        return str(was_marked)

    assert client.get("/mark").text == client.get("/mark").text == "False"


def test_app_is_new_for_each_test(app: Flask) -> None:
    assert "marked" not in app.config
    app.config["marked"] = True


def test_app_is_new_for_each_test_again(app: Flask) -> None:
    test_app_is_new_for_each_test(app)
