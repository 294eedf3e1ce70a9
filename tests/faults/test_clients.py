"""The harness finds what is lost, doubled, made up and wrongly answered: shown on sites that do such things."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from werkzeug.serving import make_server

from .clients import ALL_IS_WELL, Comparison, Posters, compare

pytestmark = pytest.mark.faults

Start = Callable[..., Any]


@pytest.mark.parametrize(
    ("acknowledged", "stored", "expected"),
    [
        ({"a", "b"}, ["a one", "b two"], ALL_IS_WELL),
        ({"a"}, ["a one", "b two"], ALL_IS_WELL),  # sent, stored, and the answer did not arrive
        ({"a", "b"}, ["a one"], Comparison(lost=frozenset("b"))),
        ({"a"}, ["a one", "a one"], Comparison(doubled=frozenset("a"))),
        ({"a"}, ["a one", "x one"], Comparison(unknown=frozenset("x"))),
    ],
)
def test_compare_names_what_is_wrong(acknowledged: set[str], stored: list[str], expected: Comparison) -> None:
    assert compare(acknowledged, {"a", "b"}, stored) == expected


class Site:
    """A site of one list that does with every fifth post what `fault` says."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.stored: list[str] = []
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        with self.lock:
            self.count += 1
            return self.answer(parse_qs(body)["content"][0], self.count % 5 == 0, start)

    def answer(self, content: str, is_fifth: bool, start: Start) -> Iterable[bytes]:
        status, headers = "303 See Other", []
        if is_fifth and self.fault in ("500", "503"):
            start(f"{self.fault} So It Is", [])
            return []
        if is_fifth and self.fault == "stores and asks to come back":
            status, headers = "503 Later", [("Retry-After", "1")]
        if not (is_fifth and self.fault == "loses"):
            self.stored.append(content)
        start(status, headers)
        return []


@contextmanager
def served(site: Site) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, site, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def posted_to(site: Site, folder: Path) -> Posters:
    """Have two clients post until thirty requests were answered."""
    with served(site) as port, Posters(port, folder, clients=2) as posters:
        give_up = time.monotonic() + 20
        while site.count < 30 and time.monotonic() < give_up:
            time.sleep(0.01)
    return posters


def compared(posters: Posters, site: Site) -> Comparison:
    return compare(posters.acknowledged, posters.sent, site.stored)


def test_site_that_does_well_is_found_to(tmp_path: Path) -> None:
    site = Site("none")
    posters = posted_to(site, tmp_path)
    assert (compared(posters, site), posters.bad) == (ALL_IS_WELL, [])
    assert len(posters.acknowledged) == posters.answers[303] == len(posters.events) >= 30


def test_loss_is_found(tmp_path: Path) -> None:
    site = Site("loses")
    found = compared(posted_to(site, tmp_path), site)
    assert len(found.lost) >= 6
    assert found == Comparison(lost=found.lost)


def test_doubling_is_found(tmp_path: Path) -> None:
    site = Site("stores and asks to come back")
    posters = posted_to(site, tmp_path)
    assert compared(posters, site) == Comparison(doubled=compared(posters, site).doubled)
    assert compared(posters, site).doubled
    assert posters.bad == []


@pytest.mark.parametrize("status", [500, 503])
def test_wrong_answer_is_found(status: int, tmp_path: Path) -> None:
    posters = posted_to(Site(str(status)), tmp_path)
    assert {found for found, _ in posters.bad} == {status}


def test_post_without_an_answer_is_sent_again_to_the_next_server(tmp_path: Path) -> None:
    site = Site("none")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # not listening, so it refuses
        with served(site) as port, Posters([probe.getsockname()[1], port], tmp_path, clients=2) as posters:
            while site.count < 10:
                time.sleep(0.01)
    assert posters.answers["refused"] > 0
    assert compared(posters, site) == ALL_IS_WELL


def test_cut_connection_is_no_answer(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        with Posters(listener.getsockname()[1], tmp_path, clients=1) as posters:
            for _ in range(3):
                listener.accept()[0].close()
        assert (list(posters.answers), posters.bad) == (["cut"], [])
    assert len(posters.sent) == 1
    assert posters.acknowledged == set()
