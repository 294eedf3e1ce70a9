"""Web workers killed, reloaded and stopped while people post and read."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from tests.databases import open_engine
from tests.servers.clients import ask, post
from tests.servers.processes import Server, documented

from .clients import ALL_IS_WELL, FORM, Posters, Readers, compare, stored_texts
from .conftest import Extent

pytestmark = pytest.mark.faults

WAIT_SECONDS = 60
SERVERS = {"gunicorn": documented("gunicorn"), "serve": f"{sys.executable} -m commentsite serve --port 8000"}


@pytest.fixture
def server(settings: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """A gunicorn as docs/deployment.md starts it."""
    with Server(SERVERS["gunicorn"], tmp_path, settings) as server:
        yield server
        assert "Traceback" not in server.log


def workers(server: Server) -> list[int]:
    """Return the process ids of the workers of a gunicorn."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(child) for child in children.split()]


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


def wait_for_more(posters: Posters) -> None:
    """Wait until the site has stored some more."""
    before = posters.answers[303]
    wait_until(lambda: posters.answers[303] >= before + 10)


def kill_a_worker(server: Server, posters: Posters) -> None:
    """Kill one of two workers in the middle of its work."""
    wait_for_more(posters)
    wait_until(lambda: len(workers(server)) == 2)
    os.kill(random.choice(workers(server)), signal.SIGKILL)  # noqa: S311


def test_killed_workers_lose_and_double_nothing(
    server: Server, database: URL, tmp_path: Path, extent: Extent, figure: Callable[[str], None]
) -> None:
    with Posters(server.port, tmp_path / "posters") as posters, Readers(server.port) as readers:
        for _ in range(extent.worker_kills):
            kill_a_worker(server, posters)
    sent, acknowledged = posters.sent, posters.acknowledged
    figure(f"{extent.worker_kills} workers killed, {len(acknowledged)} acknowledged; {posters}")
    assert compare(acknowledged, sent, stored_texts(database)) == ALL_IS_WELL
    assert posters.bad + readers.bad == []
    assert posters.answers["cut"] > 0  # or nothing was killed that mattered


def test_reloads_fail_no_request(
    server: Server, database: URL, tmp_path: Path, extent: Extent, figure: Callable[[str], None]
) -> None:
    with Posters(server.port, tmp_path / "posters") as posters, Readers(server.port) as readers:
        for _ in range(extent.reloads):
            wait_for_more(posters)
            reload(server)
    figure(f"{extent.reloads} reloads; to posters {posters}; to readers {readers}")
    assert (set(posters.answers), set(readers.answers)) == ({303}, {200})
    assert compare(posters.acknowledged, posters.sent, stored_texts(database)) == ALL_IS_WELL


def reload(server: Server) -> None:
    """Have a gunicorn begin its workers anew, and return when the old ones are gone."""
    old = set(workers(server))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(workers(server)) == 2 and not old & set(workers(server)))


@pytest.mark.parametrize("name", SERVERS)
def test_stop_finishes_what_was_begun(name: str, settings: dict[str, str], database: URL, tmp_path: Path) -> None:
    with Server(SERVERS[name], tmp_path, settings) as server, ThreadPoolExecutor(4) as pool:
        assert post(server.port, "the first").status == 303
        with nobody_else_writes(database):
            posted = [pool.submit(post, server.port, f"late {number}") for number in range(4)]
            time.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert not any(each.done() for each in posted)
        assert [each.result().status for each in posted] == [303] * 4
        assert server.process.wait(WAIT_SECONDS) == 0
    assert sorted(stored_texts(database)) == [*(f"late {number}" for number in range(4)), "the first"]


@pytest.mark.parametrize("name", SERVERS)
def test_stop_waits_for_the_rest_of_a_post(name: str, settings: dict[str, str], database: URL, tmp_path: Path) -> None:
    def body(process: Popen[bytes]) -> Iterator[bytes]:
        yield b"content="
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        yield b"slow"

    with Server(SERVERS[name], tmp_path, settings) as server:
        headers = {"Content-Type": FORM, "Content-Length": "12"}
        assert ask(server.port, "POST", "/", body(server.process), headers).status == 303
        assert server.process.wait(WAIT_SECONDS) == 0
    assert stored_texts(database) == ["slow"]


@contextmanager
def nobody_else_writes(url: URL) -> Iterator[None]:
    """Hold the lock that every post waits for."""
    engine = open_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in LOCKS[url.get_backend_name()]:
            connection.execute(text(statement))
        yield
        connection.execute(text("ROLLBACK"))


LOCKS = {"sqlite": ["BEGIN IMMEDIATE"], "mysql": ["BEGIN", "SELECT * FROM threads FOR UPDATE"]}


@pytest.mark.parametrize("name", SERVERS)
def test_stop_under_load_answers_what_it_stores(
    name: str, settings: dict[str, str], database: URL, tmp_path: Path, extent: Extent, figure: Callable[[str], None]
) -> None:
    acknowledged = set[str]()
    for stop in range(extent.stops):
        posters = posters_of_a_stopped(SERVERS[name], settings, tmp_path, tmp_path / str(stop))
        acknowledged |= posters.acknowledged
        figure(f"stop {stop + 1}: {posters}")
    assert {content.split()[0] for content in stored_texts(database)} == acknowledged


def posters_of_a_stopped(command: str, settings: dict[str, str], folder: Path, files: Path) -> Posters:
    """Start a server and stop it while eight clients post; return those."""
    with Server(command, folder, settings) as server, Posters(server.port, files) as posters:
        wait_until(lambda: posters.answers[303] > 50)
        assert server.stop() == 0
    return posters
