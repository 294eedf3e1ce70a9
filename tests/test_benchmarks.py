"""The benchmark: its figures are worked out rightly, its databases are as the site would leave them, and it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from benchmarks import load
from benchmarks.data import PROSE_COMMENTS, DataSet, fill, prose, thread_path
from benchmarks.load import CLIENTS, Answer, Clients, Posts, Tally, Target, post, rate, wrk_tally
from benchmarks.runs import COMMENT_ID, target
from benchmarks.servers import ROOT, Servers
from benchmarks.tables import Row, Table, at_least, at_most
from benchmarks.writes import check_stored
from commentsite.comments.policy import path_below
from tests.databases import Databases, MariaDB, open_engine, run_sql

SIZE = 60


def test_ratio_is_of_the_same_round() -> None:
    row = Row("page", [10.0, 40.0, 30.0], [10.0, 20.0, 60.0], at_least(1))
    assert row.ratios == [1.0, 2.0, 0.5]
    assert row.cells() == ("page", "30", "20", "1.00", "0.50 to 2.00", ">= 1", "yes")


@pytest.mark.parametrize(("value", "is_met"), [(2.0, True), (2.1, False)])
def test_goal_without_anything_beside_is_of_the_value(value: float, is_met: bool) -> None:
    assert Row("requests", [value], goal=at_most(2)).is_met is is_met


def test_table_names_what_was_wrong() -> None:
    assert "**Wrong:** 3 lost" in Table("posts", [Row("posts", [1.0])], ["3 lost"]).markdown()


def test_prose_is_as_long_as_comments_are() -> None:
    assert len(set(prose())) == PROSE_COMMENTS
    assert 280 < sum(map(len, prose())) / PROSE_COMMENTS < 320


@pytest.fixture
def data(databases: Databases) -> Iterator[DataSet]:
    """A filled database of the benchmark."""
    url = databases.empty()
    yield fill(url, SIZE)
    databases.drop(url)


def select(url: URL, statement: str) -> list[Any]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return found


@pytest.mark.parametrize("shape", ["chain", "fan"])
def test_filled_replies_have_the_paths_that_posts_get(shape: str, data: DataSet) -> None:
    first = data.first_id(shape)
    found = select(data.url, f"SELECT id, parent_id, path FROM comments WHERE root_id = {first} ORDER BY id")
    paths: dict[int, str | None] = {first: None}
    for comment_id, parent_id, path in found:
        paths[comment_id] = path_below(paths[parent_id], comment_id)
        assert path == paths[comment_id]
    assert len(found) == SIZE - 1


def test_filled_counts_are_true(data: DataSet) -> None:
    counted = "SELECT COUNT(*), MAX(posted) FROM comments WHERE thread_id = threads.id"
    wrong = select(data.url, f"SELECT id FROM threads WHERE (comment_count, latest) <> ({counted})")
    replies = "SELECT COUNT(*) FROM comments AS reply WHERE reply.root_id = comments.id"
    assert wrong == select(data.url, f"SELECT id FROM comments WHERE reply_count <> ({replies})") == []


@pytest.mark.parametrize("shape", ["flat", "chain", "fan"])
def test_filled_threads_are_shown(shape: str, data: DataSet, make_app: Callable[..., Any]) -> None:
    page = make_app(data.url).test_client().get(thread_path(shape))
    assert len(COMMENT_ID.findall(page.data)) >= 50


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    clients.close()


@pytest.mark.servers
def test_rate_without_wrk_counts_right_answers(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "has_wrk", lambda: False)
    with Servers(tmp_path) as servers:
        server = servers.app("serve", "hello").wait()
        right = target(server, "/")
        assert rate(right, 0.3, clients) > 0
        wrong = Target(server.port, "/", {}, Answer(200, "", b"other", 5))
        with pytest.raises(AssertionError):
            rate(wrong, 0.3, clients)


@pytest.mark.servers
def test_refused_posts_are_failures(clients: Clients, tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        server = servers.app("serve", "hello").wait()
        tally = clients.run(Target(server.port, "/"), 0.3, Posts(1, "content", ("Hello",)))
    assert tally.acknowledged == []
    assert set(tally.failures) == {"POST 405"}


class Recorder(ThreadingHTTPServer):
    """A server that keeps what was posted to it and counts its connections; reads get 200, posts get `post_status`."""

    daemon_threads = True
    request_queue_size = 2 * CLIENTS

    def __init__(self, post_status: int) -> None:
        super().__init__(("127.0.0.1", 0), RecorderAnswers)
        self.post_status = post_status
        self.posted: list[str] = []
        self.connection_count = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connection_count += 1
        super().process_request(request, client_address)


class RecorderAnswers(BaseHTTPRequestHandler):
    server: Recorder
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # wrk leaves in the middle
            super().handle()

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.posted += parse_qs(body, strict_parsing=True)["content"]
        self._answer(self.server.post_status)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def record(lane_missing: Callable[[str], None]) -> Iterator[Callable[[int], Recorder]]:
    """A function that starts a Recorder for wrk."""
    if not load.has_wrk():
        lane_missing("no wrk here: install Debian's wrk")
    started: list[Recorder] = []

    def start(post_status: int) -> Recorder:
        started.append(Recorder(post_status))
        Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for recorder in started:
        recorder.shutdown()
        recorder.server_close()


TEXTS = ("One & two = three?", "Zwölf %41 + 1\n\nund mehr", "(last)")


@pytest.mark.servers
def test_wrk_posts_each_text_once_and_reports_those_acknowledged(
    record: Callable[[int], Recorder], clients: Clients
) -> None:
    recorder = record(303)
    tally = post(Target(recorder.server_port, "/"), 0.5, Posts(4, "content", TEXTS), clients)
    received = recorder.posted
    assert len(received) == len(set(received))
    assert set(tally.acknowledged) <= set(received)
    assert len(tally.acknowledged) == len(tally.posts) - tally.unanswered >= len(received) - CLIENTS > 0
    assert {text.rpartition(" (")[0] for text in received} == set(TEXTS)
    assert tally.failures == []
    # A connection's first request is a post, then every fourth.
    assert 3 * len(tally.posts) - 3 * CLIENTS <= len(tally.reads) <= 3 * len(tally.posts)
    assert 0 < min(tally.posts) <= max(tally.posts) < 2
    assert 0.4 < tally.seconds < 2


@pytest.mark.servers
def test_posts_that_wrk_saw_refused_are_failures(record: Callable[[int], Recorder], clients: Clients) -> None:
    recorder = record(200)
    tally = post(Target(recorder.server_port, "/"), 0.3, Posts(1, "content", TEXTS), clients)
    assert tally.acknowledged == []
    assert set(tally.failures) == {"POST 200"}
    assert tally.rate == 0


@pytest.mark.servers
def test_wrk_opens_its_connections_anew(record: Callable[[int], Recorder], clients: Clients) -> None:
    recorder = record(303)
    assert rate(Target(recorder.server_port, "/"), 1, clients) > 0
    assert recorder.connection_count >= 3 * CLIENTS


def test_tally_of_wrk_names_acknowledged_texts() -> None:
    answers = [[0, 0, 0.5, 303], [2, 1, 0.25, 302], [7, None, 0.1, 200], [1, 0, 0.4, 500], [3, None, 0.2, 404]]
    counted = {"connections_failed": 1, "answering_seconds": 2.0, "answers": [*answers, [4, 5, 1.5, 0]]}
    tally = wrk_tally(counted, Posts(1, "content", ("a", "b", "c")), "9")
    assert tally.acknowledged == ["a (9-0-0)", "b (9-2-1)"]  # texts 0 and 1 * CLIENTS + 2 of three
    assert tally.failures == ["wrk lost a connection", "POST 500", "GET 404"]
    assert (tally.posts, tally.reads, tally.unanswered) == ([0.5, 0.25, 0.4, 1.5], [0.1, 0.2], 1)
    assert tally.rate == (6 - 3 - 1) / 2.0


@pytest.mark.parametrize(
    ("stored", "problems"),
    [
        (["a", "b", "unanswered"], []),
        (["a"], ["1 acknowledged posts are not in sqlite"]),
        (["a", "b", "b"], ["1 posts were stored twice"]),
    ],
)
def test_lost_and_doubled_posts_are_reported(stored: list[str], problems: list[str], tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "comments.db"))
    rows = [(1, "old"), *enumerate(stored, 2)]
    run_sql(url, "CREATE TABLE comments (id INTEGER PRIMARY KEY, content TEXT)")
    run_sql(url, *(f"INSERT INTO comments VALUES ({number}, '{content}')" for number, content in rows))
    table = Table("posts")
    check_stored(table, url, 1, Tally(acknowledged=["a", "b"]))
    assert table.problems == problems


@pytest.mark.servers
def test_quick_run_is_right(
    request: pytest.FixtureRequest, tmp_path: Path, lane_missing: Callable[[str], None]
) -> None:
    database = request.config.getoption("--database")
    if database != "sqlite" and not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    output = tmp_path / "tables.md"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--database", database, "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Posts by 8 clients, gunicorn" in output.read_text(encoding="utf-8")
    assert "Wrong" not in done.stdout
