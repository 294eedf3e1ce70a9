"""A MariaDB Galera cluster of three nodes on 127.0.0.1, from Debian's packages, and what can happen to its nodes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pymysql
from sqlalchemy.engine import URL, make_url

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
PROGRAMS = ("mariadbd", "mariadb-install-db", "rsync", "lsof", "ss")
START_SECONDS = 90
NODES = 3

# What docs/scaling.md tells an owner to write for each node, less addresses; the tests hold the two to be the same.
OPTIONS = (
    "binlog_format=ROW",
    "default_storage_engine=InnoDB",
    "innodb_autoinc_lock_mode=2",
    "innodb_flush_log_at_trx_commit=1",
    "wsrep_on=ON",
    f"wsrep_provider={PROVIDER}",
    "wsrep_cluster_name=comments",
    "wsrep_sst_method=rsync",
    "wsrep_retry_autocommit=0",
)
SMALL = ("innodb_buffer_pool_size=32M", "innodb_log_file_size=24M", "max_connections=100", "skip_name_resolve=ON")


def missing() -> list[str]:
    """Return what this machine lacks for a cluster."""
    return [name for name in PROGRAMS if not shutil.which(name)] + ([] if PROVIDER.exists() else [str(PROVIDER)])


def account() -> list[str]:
    """Return the user to run nodes as, none for who runs this: as root, rsync gives up its rights and reads nothing."""
    return ["mysql"] if os.geteuid() == 0 else []


def give_away(folder: Path) -> None:
    for name in account():
        shutil.chown(folder, name, name)


def free_ports(count: int) -> list[int]:
    """Return numbers of ports that are free, no two the same."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Node:
    """One `mariadbd` of a cluster, in `folder`, with its own ports."""

    def __init__(self, folder: Path, ports: Sequence[int], log_file: Path) -> None:
        self.folder = folder
        self.log_file = log_file
        self.port, self.group_port, self.ist_port, self.sst_port = ports
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        give_away(folder)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def command(self, group: str, *more: str) -> list[str]:
        """Return what starts the node as one of the cluster at the address `group`."""
        provider = {
            "gmcast.listen_addr": f"tcp://127.0.0.1:{self.group_port}",
            "ist.recv_addr": f"127.0.0.1:{self.ist_port}",
            "gcache.size": "32M",
        }
        here = (
            f"datadir={self.data}",
            f"socket={self.folder / 's'}",
            f"pid_file={self.folder / 'pid'}",
            f"tmpdir={self.folder}",  # a server that starts in a common one deletes the files of the others
            f"port={self.port}",
            "bind_address=127.0.0.1",
            f"wsrep_cluster_address={group}",
            f"wsrep_node_address=127.0.0.1:{self.group_port}",
            f"wsrep_sst_receive_address=127.0.0.1:{self.sst_port}",
            f"wsrep_provider_options={';'.join(f'{name}={value}' for name, value in provider.items())}",
            *(f"user={name}" for name in account()),
        )
        return ["mariadbd", "--no-defaults", *(f"--{option}" for option in (*here, *OPTIONS, *SMALL)), *more]

    def start(self, group: str, *more: str) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(group, *more), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )

    def send(self, number: int) -> None:
        """Send the process a signal, such as SIGSTOP."""
        if self.process is not None:
            self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the process; with SIGKILL as if it had crashed."""
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None

    def connect(self, **more: Any) -> Any:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", ssl_disabled=True, autocommit=True, read_timeout=20, **more
        )

    def ask(self, sql: str, **more: Any) -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own and return its rows."""
        with closing(self.connect(**more)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def status(self, name: str) -> str:
        """Return a value of SHOW STATUS, "" where the node does not answer."""
        try:
            return str(dict(self.ask(f"SHOW STATUS LIKE '{name}'")).get(name, ""))
        except (pymysql.Error, OSError):
            return ""

    def is_synced(self, size: int = NODES) -> bool:
        wanted = {"wsrep_ready": "ON", "wsrep_local_state": "4", "wsrep_cluster_size": str(size)}
        return all(self.status(name) == value for name, value in wanted.items())

    def isolate(self, isolated: bool) -> None:
        """Cut the node off from the others, or let it hear them again; clients reach it all the time."""
        self.ask(f"SET GLOBAL wsrep_provider_options = 'gmcast.isolate={int(isolated)}'")

    def recovered_position(self) -> int:
        """Return the number of the last transaction in the files of a node that does not run."""
        log = self.folder / "recovery.log"
        log.unlink(missing_ok=True)
        subprocess.run(
            [*self.command("gcomm://"), "--wsrep-recover", f"--log-error={log}"], check=True, capture_output=True
        )
        found = re.findall(r"Recovered position:? [0-9a-f-]{36}:(-?\d+)", log.read_text())
        return int(found[-1])


class Cluster:
    """Three nodes that begin with the same data, so that none has to be sent the others'."""

    def __init__(self, folder: Path, logs: Path) -> None:
        ports = free_ports(4 * NODES)
        self.nodes = [
            Node(folder / f"node{place}", ports[place::NODES], logs / f"node{place}.log") for place in range(NODES)
        ]
        first = self.nodes[0]
        make = [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={first.data}",
            f"--tmpdir={first.folder}",
            "--skip-test-db",
        ]
        make += ["--auth-root-authentication-method=normal", *(f"--user={name}" for name in account())]
        subprocess.run(make, check=True, capture_output=True)
        self.begin(first)
        first.stop()
        for node in self.nodes[1:]:
            subprocess.run(["cp", "-a", str(first.data), str(node.data)], check=True)

    @property
    def group(self) -> str:
        return "gcomm://" + ",".join(f"127.0.0.1:{node.group_port}" for node in self.nodes)

    def wait_until_whole(self) -> None:
        """Wait until every node takes part and has what the others have."""
        for node in self.nodes:
            wait_until(node.is_synced, node)

    def start(self) -> None:
        """Begin the cluster with the first node; the others join it."""
        self.begin(self.nodes[0])
        for node in self.nodes[1:]:
            self.join(node)

    def begin(self, node: Node) -> None:
        """Start the first node of a cluster that does not run."""
        node.start(self.group, "--wsrep-new-cluster")
        wait_until(lambda: node.status("wsrep_ready") == "ON", node)

    def join(self, node: Node) -> None:
        """Start a node of a cluster that runs; return when it has all that the others have."""
        node.start(self.group)
        wait_until(lambda: node.status("wsrep_local_state") == "4" and node.status("wsrep_ready") == "ON", node)

    def stop(self) -> None:
        for node in self.nodes:
            node.send(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                node.stop(signal.SIGKILL)

    def begin_again(self) -> Node:
        """Start the cluster again after all nodes died, from the one that knows most; return that one."""
        newest = max(self.nodes, key=Node.recovered_position)
        state = newest.data / "grastate.dat"
        state.write_text(state.read_text().replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1"))
        self.begin(newest)
        for node in self.nodes:
            if node is not newest:
                self.join(node)
        return newest

    def url(self, database: str, *, order: Sequence[int] = range(NODES)) -> str:
        """Return the address of a database as a setting, with the nodes in this order."""
        hosts = ",".join(f"127.0.0.1:{self.nodes[place].port}" for place in order)
        return f"mysql://root@{hosts}/{database}"

    def node_url(self, place: int, database: str = "") -> URL:
        return make_url(f"mysql+pymysql://root@127.0.0.1:{self.nodes[place].port}/{database}")


def wait_until(holds: Callable[[], bool], node: Node) -> None:
    """Wait until something holds. Raises RuntimeError with the end of the log of `node` where it does not come."""
    give_up = time.monotonic() + START_SECONDS
    while not holds():
        is_dead = node.process is not None and node.process.poll() is not None
        if is_dead or time.monotonic() > give_up:
            raise RuntimeError(f"the node did not come:\n{node.log[-3000:]}")
        time.sleep(0.05)


@contextmanager
def running_cluster(logs: Path) -> Iterator[Cluster]:
    """Give a cluster that runs, in a folder of its own: those of pytest are closed to the account of the nodes.

    What the nodes print stays in the folder `logs`.
    """
    with TemporaryDirectory(prefix="galera-") as folder:
        give_away(Path(folder))
        cluster = Cluster(Path(folder), logs)
        try:
            cluster.start()
            cluster.wait_until_whole()
            yield cluster
        finally:
            cluster.stop()
