"""Who seems to ask, and for which host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.engine import URL

from commentsite.security import client_address, host_of


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("<script>", ""),
        ("", ""),
    ],
)
def test_client_address_is_an_address_or_nothing(app: Flask, remote: str, address: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": remote}):
        assert client_address() == address


@pytest.mark.parametrize(("hops", "address"), [(0, "127.0.0.1"), (1, "198.51.100.2"), (2, "198.51.100.1")])
def test_forwarded_address_is_believed_for_as_many_hops(
    database: URL, make_app: Callable[..., Flask], hops: int, address: str
) -> None:
    app = make_app(database, PROXY_HOPS=hops)
    app.add_url_rule("/address", view_func=lambda: client_address())
    headers = {"X-Forwarded-For": "<script>, 198.51.100.1, 198.51.100.2"}
    assert app.test_client().get("/address", headers=headers).text == address


def test_forwarded_host_and_prefix_are_not_believed(database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(database, PROXY_HOPS=1).test_client()
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    assert "evil" not in client.get("/", headers=headers).text
    evil = {**headers, "Origin": "https://evil.example"}
    assert client.post("/", data={"content": "x"}, headers=evil).status_code == 403


def test_untrusted_host_is_refused(database: URL, make_app: Callable[..., Flask]) -> None:
    client = make_app(database, TRUSTED_HOSTS="www.example.com, example.com").test_client()
    assert client.get("/", headers={"Host": "example.com"}).status_code == 200
    answer = client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://A.example", "a.example"),
        ("https://a.example:443", "a.example"),
        ("http://a.example:8000", "a.example:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("null", None),
        ("http://a:b", None),
        ("http://[", None),
    ],
)
def test_host_of_an_origin(origin: str, host: str | None) -> None:
    assert host_of(origin) == host
