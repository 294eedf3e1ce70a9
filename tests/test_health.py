"""Addresses for machines that watch the site."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL


def test_ready_when_the_database_is_at_head(client: FlaskClient) -> None:
    assert client.get("/readyz").json == {"status": "ready"}


def test_alive_but_not_ready_without_schema(empty_database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(empty_database).test_client()
    alive, ready = client.get("/healthz"), client.get("/readyz")
    assert (alive.status_code, alive.json) == (200, {"status": "alive"})
    assert ready.status_code == 503
    assert "db upgrade" in ready.text


def test_favicon_and_style_are_served_without_schema(empty_database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(empty_database).test_client()
    for path in ("/favicon.ico", "/static/favicon.svg", "/static/site.css"):
        with client.get(path) as answer:
            assert answer.status_code == 200


def test_health_is_asked_anew_each_time(client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert client.get(path).headers["Cache-Control"] == "no-store"
