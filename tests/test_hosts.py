"""Several database hosts: tried in turn, left when they fail, and refused where they are no cluster."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import OperationalError

from commentsite import hosts
from commentsite.clock import seconds_running
from commentsite.db import engine_options, prepare_engine
from commentsite.hosts import AVOID_SECONDS, Host, Hosts, is_lost
from commentsite.versions import MySQLVersions
from tests.databases import MariaDB
from tests.servers.processes import free_port


class Node:
    """A stand-in for a connection of the driver; it says which host it goes to."""

    def __init__(self, host: Host) -> None:
        self.name = host.name


class Cluster:
    """Stands in for the network: hosts that answer, and how often each was asked."""

    def __init__(self) -> None:
        self.up = {"a", "b", "c"}
        self.asked: list[str] = []

    def connected(self, host: Host, arguments: dict[str, Any]) -> Node:
        self.asked.append(host.name)
        if host.name not in self.up:
            raise pymysql.err.OperationalError(2003, host.name)
        return Node(host)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr(hosts, "_connected", cluster.connected)
    return cluster


@pytest.fixture
def three() -> Hosts:
    return Hosts("a:1,b:2,c:3")


def test_first_host_is_taken_while_it_is_well(cluster: Cluster, three: Hosts) -> None:
    assert [three.connect({}).name for _ in range(3)] == ["a", "a", "a"]


def test_next_host_is_taken_and_the_one_that_failed_not_asked_again(cluster: Cluster, three: Hosts) -> None:
    cluster.up = {"b", "c"}
    assert [three.connect({}).name for _ in range(3)] == ["b", "b", "b"]
    assert cluster.asked == ["a", "b", "b", "b"]


def test_first_host_is_taken_again_some_time_after_it_failed(
    cluster: Cluster, three: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    three.failed(three.connect({}))
    assert three.connect({}).name == "b"
    now = seconds_running() + AVOID_SECONDS
    monkeypatch.setattr(hosts, "seconds_running", lambda: now)
    assert three.connect({}).name == "a"


def test_all_hosts_are_asked_before_giving_up(cluster: Cluster, three: Hosts) -> None:
    cluster.up = set()
    for _ in range(2):
        with pytest.raises(pymysql.err.OperationalError):
            three.connect({})
    assert sorted(cluster.asked) == ["a", "a", "b", "b", "c", "c"]


def test_connections_from_before_a_failure_are_left_and_later_ones_kept(cluster: Cluster, three: Hosts) -> None:
    before, lost = three.connect({}), three.connect({})
    three.failed(lost)
    cluster.up = {"a"}
    assert (three.is_left(before), three.is_left(three.connect({}))) == (True, False)


def test_one_failure_noted_by_two_connections_counts_once(cluster: Cluster, three: Hosts) -> None:
    before, lost = three.connect({}), three.connect({})
    three.failed(lost)
    cluster.up = {"a"}
    after = three.connect({})
    three.failed(before)
    assert not three.is_left(after)


@pytest.mark.parametrize("error", [1047, 1053, 1180, 1927, 2006, 2013])
def test_connection_to_a_node_that_is_cut_off_is_lost(error: int) -> None:
    assert is_lost(create_engine("mysql+pymysql://u@h/d"), pymysql.err.OperationalError(error, "said"))


@pytest.mark.parametrize("error", [1020, 1062, 1205, 1213])
def test_connection_of_a_refused_transaction_is_kept(error: int) -> None:
    assert not is_lost(create_engine("mysql+pymysql://u@h/d"), pymysql.err.OperationalError(error, "said"))


def cluster_engine(*ports: int) -> Engine:
    listed = ",".join(f"127.0.0.1:{port}" for port in ports)
    url = URL.create("mysql+pymysql", "root", host="127.0.0.1", database="mysql", query={"hosts": listed})
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    return engine


def test_each_transaction_waits_for_what_other_nodes_acknowledged() -> None:
    one, several = make_url("mysql+pymysql://u@h/d"), make_url("mysql+pymysql://u@h/d?hosts=h:1,i:1")
    assert "wsrep_sync_wait" not in engine_options(one)["connect_args"]["init_command"]
    assert "wsrep_sync_wait = 1" in engine_options(several)["connect_args"]["init_command"]


def test_host_that_hangs_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "GREETING_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = cluster_engine(silent.getsockname()[1], free_port())
        begun = time.monotonic()
        with pytest.raises(OperationalError, match="Connection refused"):
            engine.connect()
    assert time.monotonic() - begun < 2


class CutOff:
    """A stand-in for a connection to a node that is cut off from its cluster."""

    def autocommit(self, _on: bool) -> None: ...

    def cursor(self) -> None:
        raise pymysql.err.OperationalError(1047, "not yet prepared")

    def close(self) -> None: ...


def test_front_connects_again_after_its_node_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[CutOff] = []

    def connect(_engine: Engine) -> CutOff:
        made.append(CutOff())
        return made[-1]

    monkeypatch.setattr("commentsite.versions.own_connection", connect)
    versions = MySQLVersions(cluster_engine(free_port(), free_port()))
    for _ in range(3):
        versions.away_until = 0.0
        assert versions.state(1) is None
    assert len(made) == 3


@pytest.fixture
def lone_server(tmp_path_factory: pytest.TempPathFactory, lane_missing: Callable[[str], None]) -> Iterator[int]:
    """The port of a MariaDB server that is no node of a cluster."""
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    port = free_port()
    network = ("--skip-skip-networking", f"--port={port}", "--bind-address=127.0.0.1")
    server = MariaDB(tmp_path_factory.mktemp("lone"), *MariaDB.NO_SYNC, *network)
    server.start()
    yield port
    server.stop()


@pytest.mark.only_on("mysql")
def test_server_that_is_no_node_is_refused_by_name(lone_server: int) -> None:
    engine = cluster_engine(lone_server, free_port())
    hosts_ = f"127.0.0.1:{lone_server} takes no part in a Galera cluster"
    with pytest.raises(OperationalError, match=f"Connection refused|{hosts_}"):
        engine.connect()
