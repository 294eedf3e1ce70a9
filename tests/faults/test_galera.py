"""Faults of a three-node Galera cluster under eight writers and two web servers that prefer different nodes."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import URL

from commentsite.comments.forms import EditDraft
from commentsite.comments.operations import EditConflict, edit_comment
from commentsite.doctor import app_findings
from commentsite.keyset import PAGE_SIZE
from tests.conftest import upgrade_to_head
from tests.databases import MySQLDatabases, open_engine
from tests.docs import reading
from tests.servers.clients import Answer, ask
from tests.servers.conftest import bare_settings
from tests.servers.processes import Server, documented

from .clients import ALL_IS_WELL, Posters, compare, is_right, stored_texts
from .galera import NODES, OPTIONS, Cluster, missing, running_cluster

pytestmark = [pytest.mark.faults, pytest.mark.only_on("mysql")]

# One web server begins with the first node, the other with the second.
ORDERS = ((0, 1, 2), (1, 2, 0))
MORE_POSTS = 25
WAIT_SECONDS = 120
LONG_ROUNDS = NODES  # each node in turn


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, lane_missing: Callable[[str], None]) -> Iterator[Cluster]:
    if lacking := missing():
        lane_missing(f"no {', '.join(lacking)} here: install Debian's mariadb-server and galera-4")
    with running_cluster(tmp_path_factory.mktemp("nodes")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def databases(cluster: Cluster) -> MySQLDatabases:
    return MySQLDatabases(cluster.node_url(0), upgrade_to_head)


@pytest.fixture
def own_database(databases: MySQLDatabases) -> str:
    return str(databases.at_head().database)


class Followers(Posters):
    """Posters who look, after each 303, for what they posted, in the page it leads to and at the other web server."""

    def __init__(self, ports: list[int], folder: Path) -> None:
        super().__init__(ports, folder)
        self.followed = 0
        self.stale: list[str] = []
        self.posts: list[tuple[float, float]] = []

    def _ask(self, port: int, client: int, content: str) -> Answer:
        begun = time.monotonic()
        answer = super()._ask(port, client, content)
        if answer.status == 303:
            self.posts.append((begun, time.monotonic()))
            before = len(self.posts)
            other = next(each for each in self.ports if each != port)
            page = self._page(other, answer.headers["Location"])
            # A page that came late, after as many newer posts as it has room for, need not show this one.
            if page is not None and len(self.posts) - before < PAGE_SIZE - len(self._threads):
                self.followed += 1
                if content not in page:
                    self.stale.append(content)
        return answer

    def _page(self, port: int, path: str) -> str | None:
        """Return a page, None where the site has said that it cannot show it until this is over."""
        give_up = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < give_up:
            answer = ask(port, "GET", path)
            if answer.status == 200:
                return answer.body
            if not is_right(answer):
                self.bad.append((answer.status, answer.body[:2000]))
            time.sleep(0.1)
        return None

    def wait_for_more(self) -> None:
        """Wait until some posts have begun and were acknowledged since now. Raises RuntimeError if they were not."""
        since = time.monotonic()
        while sum(begun > since for begun, _ in list(self.posts)) < MORE_POSTS:
            if time.monotonic() > since + WAIT_SECONDS:
                raise RuntimeError(f"no posts were acknowledged: {self.answers}")
            time.sleep(0.05)

    def longest_stall(self) -> float:
        """Return the longest time, in seconds, in which nobody's post was acknowledged."""
        ends = sorted(over for _, over in self.posts)
        return max(later - sooner for sooner, later in pairwise(ends))


def none(cluster: Cluster, place: int, posters: Followers) -> None:
    posters.wait_for_more()


def killed(cluster: Cluster, place: int, posters: Followers) -> None:
    cluster.nodes[place].stop(signal.SIGKILL)
    posters.wait_for_more()
    cluster.join(cluster.nodes[place])


def hung(cluster: Cluster, place: int, posters: Followers) -> None:
    cluster.nodes[place].send(signal.SIGSTOP)
    posters.wait_for_more()
    cluster.nodes[place].send(signal.SIGCONT)


def partitioned(cluster: Cluster, place: int, posters: Followers) -> None:
    cluster.nodes[place].isolate(True)
    posters.wait_for_more()
    cluster.nodes[place].isolate(False)


def all_killed(cluster: Cluster, place: int, posters: Followers) -> None:
    for node in cluster.nodes[place:] + cluster.nodes[:place]:
        node.stop(signal.SIGKILL)
    cluster.begin_again()


@dataclass
class Outcome:
    """What writers were told, and what each node has after the fault."""

    posters: Followers
    stored: list[list[str]]
    counts: list[Any]


@dataclass
class Site:
    """Two web servers on one database of the cluster, and what their clients have written down."""

    cluster: Cluster
    database: str
    servers: list[Server]
    folder: Path


@pytest.fixture(scope="module")
def site(cluster: Cluster, databases: MySQLDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database, folder = str(databases.at_head().database), tmp_path_factory.mktemp("galera")
    with ExitStack() as stack:
        servers = [stack.enter_context(web_server(cluster, database, order, folder)) for order in ORDERS]
        yield Site(cluster, database, servers, folder)


def web_server(cluster: Cluster, database: str, order: tuple[int, ...], folder: Path) -> Server:
    own = folder / f"web{order[0]}"
    own.mkdir()
    settings = {**bare_settings(own), "COMMENTSITE_DATABASE_URL": cluster.url(database, order=order)}
    return Server(documented("gunicorn"), own, settings)


@pytest.fixture(scope="module", params=[none, killed, hung, partitioned, all_killed], ids=lambda fault: fault.__name__)
def outcome(request: pytest.FixtureRequest, site: Site) -> Outcome:
    rounds = LONG_ROUNDS if request.config.getoption("--faults", "short") == "long" else 1
    posters = Followers([server.port for server in site.servers], site.folder / "clients")
    with posters:
        for each in range(rounds):
            posters.wait_for_more()
            request.param(site.cluster, each % NODES, posters)
            site.cluster.wait_until_whole()
            posters.wait_for_more()
    urls = [site.cluster.node_url(place, site.database) for place in range(NODES)]
    return Outcome(posters, [stored_texts(url) for url in urls], [counts(url) for url in urls])


def counts(url: URL) -> Any:
    """Return how many comments the thread says it has, how many there are, and the sum of all ids."""
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.execute(text("SET wsrep_sync_wait = 1"))
        return connection.execute(
            text("SELECT (SELECT SUM(comment_count) FROM threads), COUNT(*), SUM(id) FROM comments")
        ).one()


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    outcome: Outcome, record_property: Callable[[str, object], None]
) -> None:
    posters = outcome.posters
    took = sorted(over - begun for begun, over in posters.posts)
    record_property("answers", dict(posters.answers))
    record_property("acknowledged", len(posters.acknowledged))
    record_property("read at the other server", posters.followed)
    record_property("longest stall, s", round(posters.longest_stall(), 1))
    record_property("p50 and p99 of posts, ms", [round(took[int(len(took) * share)] * 1000) for share in (0.5, 0.99)])
    found = [compare(posters.acknowledged, posters.sent, texts) for texts in outcome.stored]
    assert found == [ALL_IS_WELL] * NODES


def test_answers_are_success_or_come_back_later(outcome: Outcome) -> None:
    assert outcome.posters.bad == []


def test_reads_at_another_node_follow_writes(outcome: Outcome) -> None:
    assert outcome.posters.followed > MORE_POSTS
    assert outcome.posters.stale == []


def test_nodes_have_the_same_comments_and_count_them_right(outcome: Outcome) -> None:
    said, there, _ = outcome.counts[0]
    assert outcome.counts == [outcome.counts[0]] * NODES
    assert said == there


def test_of_edits_at_once_at_three_nodes_one_is_stored(
    cluster: Cluster, own_database: str, make_app: Callable[..., Flask]
) -> None:
    apps = [make_cluster_app(make_app, cluster, own_database, place) for place in range(NODES)]
    said = apps[0].test_client().post("/", data={"content": "as it was"}).headers["Location"]
    comment_id = int(re.findall(r"comment-(\d+)", said)[0])
    for revision in range(1, 11):
        start = threading.Barrier(NODES)

        def edit(place: int, start: threading.Barrier = start, revision: int = revision) -> bool:
            with apps[place].app_context():
                start.wait(10)
                try:
                    edit_comment(EditDraft(f"{revision} by {place}", revision), comment_id, window_minutes=60)
                except EditConflict:
                    return False
                return True

        with ThreadPoolExecutor(NODES) as pool:
            assert sum(pool.map(edit, range(NODES))) == 1


def test_page_at_a_node_that_lags_waits_for_the_newest_comment(
    cluster: Cluster, own_database: str, make_app: Callable[..., Flask]
) -> None:
    writer, reader = (make_cluster_app(make_app, cluster, own_database, place).test_client() for place in (0, 1))
    assert reader.get("/").status_code == 200  # and the page is kept
    with closing(cluster.nodes[1].connect()) as holder, ThreadPoolExecutor(1) as pool:
        holder.cursor().execute("FLUSH TABLES WITH READ LOCK")  # the node stores nothing new meanwhile
        assert writer.post("/", data={"content": "written at another node"}).status_code == 303
        page = pool.submit(reader.get, "/")
        time.sleep(0.3)
        holder.cursor().execute("UNLOCK TABLES")
        assert "written at another node" in page.result().text


def test_doctor_counts_the_nodes(cluster: Cluster, own_database: str, make_app: Callable[..., Flask]) -> None:
    with make_cluster_app(make_app, cluster, own_database, 0).app_context():
        found = {finding.name: finding for finding in app_findings()}
    assert (found["cluster"].is_right, found["cluster"].detail) == (True, f"has {NODES} nodes and is Primary")


def make_cluster_app(make_app: Callable[..., Flask], cluster: Cluster, database: str, first: int) -> Flask:
    order = [(first + place) % NODES for place in range(NODES)]
    return make_app(URL.create("sqlite"), DATABASE_URL=cluster.url(database, order=order), DATA_DIR="/nonexistent")


def test_document_has_the_settings_of_the_nodes_tested_here() -> None:
    written = reading.under("docs/scaling.md", "Three nodes", "ini")[0].text.splitlines()
    assert [line for line in OPTIONS if line not in written] == []
