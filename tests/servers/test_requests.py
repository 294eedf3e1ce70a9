"""Bodies that are too large, bodies whose length is not said before, and whose address counts behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .clients import ask, post, post_body, post_chunks, texts
from .conftest import new_sqlite_settings
from .processes import HEADINGS, Server, documented

pytestmark = pytest.mark.servers

# What servers do here is not the database's affair, so they run on SQLite alone.
# uWSGI gives a WSGI program no way to read chunks. A proxy in front sends on what it got with its length.
CHUNKED_STATUS = {"gunicorn": 303, "uwsgi": 422, "waitress": 303, "serve": 303}


@pytest.fixture(scope="module", params=HEADINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("bodies")
    with Server(documented(name), folder, new_sqlite_settings(folder)) as server:
        yield server
        assert "Traceback" not in server.log


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_body_too_large_is_refused(server: Server, size: int) -> None:
    answer = post_body(server.port, b"content=" + b"x" * size)
    assert (answer.status, ask(server.port, "GET", "/").status) == (413, 200)


def test_body_in_chunks_is_stored_or_refused_clearly(server: Server, name: str) -> None:
    answer = post_chunks(server.port, b"content=in ", b"chunks")
    assert answer.status == CHUNKED_STATUS[name]
    assert ("in chunks" in texts(server.port)) == (answer.status == 303)


@pytest.mark.parametrize("count", [1, 50])
def test_chunks_too_large_are_refused(server: Server, name: str, count: int) -> None:
    before = texts(server.port)
    answer = post_chunks(server.port, b"content=", *[b"x" * 100_000] * count)
    assert answer.status == (413 if CHUNKED_STATUS[name] == 303 else CHUNKED_STATUS[name])
    assert texts(server.port) == before


def test_forwarded_address_counts_behind_one_proxy(name: str, tmp_path: Path) -> None:
    settings = {**new_sqlite_settings(tmp_path), "COMMENTSITE_PROXY_HOPS": "1"}
    with Server(documented(name), tmp_path, settings) as server:
        one = post(server.port, "the same", forwarded_for="192.0.2.1")
        again = post(server.port, "the same", forwarded_for="198.51.100.9, 192.0.2.1")
        other = post(server.port, "the same", forwarded_for="192.0.2.2")
    assert one.comment_id == again.comment_id != other.comment_id


def test_forwarded_address_is_not_believed_without_a_proxy(server: Server) -> None:
    posts = [post(server.port, "whoever", forwarded_for=address) for address in ("192.0.2.1", "192.0.2.2")]
    assert posts[0].comment_id == posts[1].comment_id
