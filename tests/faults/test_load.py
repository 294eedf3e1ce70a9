"""Eight writers, readers and a program that polls: nothing is refused, missed or seen twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.servers.processes import Server, documented

from .clients import ALL_IS_WELL, Posters, Readers, compare, stored_texts
from .conftest import Extent
from .walks import Poller, Seen, paged_through

pytestmark = pytest.mark.faults


@pytest.fixture
def server(settings: dict[str, str], tmp_path: Path) -> Server:
    return Server(documented("gunicorn"), tmp_path, settings)


def texts(seen: list[Seen]) -> list[str]:
    return [token for _, token in seen]


def test_load_is_borne_and_every_comment_seen_once(
    server: Server, database: URL, tmp_path: Path, extent: Extent, figure: Callable[[str], None]
) -> None:
    with server:
        with (
            Poller(server.port) as poller,
            Posters(server.port, tmp_path / "posters") as posters,
            Readers(server.port, 4) as readers,
        ):
            time.sleep(extent.load_seconds)
        newest, oldest = paged_through(server.port), paged_through(server.port, "/?order=oldest")
    sent, acknowledged = posters.sent, posters.acknowledged
    figure(f"{extent.load_seconds} s; to posters {posters}; to readers {readers}; to a poller {poller}")
    assert (set(posters.answers), set(readers.answers)) == ({303}, {200})
    assert set(poller.answers) <= {200, 304}
    assert "locked" not in server.log
    assert "Traceback" not in server.log
    for found in (stored_texts(database), texts(poller.seen), texts(newest), texts(oldest)):
        assert compare(acknowledged, sent, found) == ALL_IS_WELL
    assert poller.seen == oldest == newest[::-1]
