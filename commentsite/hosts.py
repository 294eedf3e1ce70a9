"""Several database hosts, the nodes of one Galera cluster: which of them a connection goes to, and when it is left.

All connections of a process go to one node while it is well, the first in the list of those that are, so that writers
who are given the same list meet at one node, and wait for each other there instead of being refused at the commit.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from .clock import seconds_running
from .config import split_host

# What a host may take to greet who connects; one that hangs still lets its kernel accept.
GREETING_SECONDS = 2.0
# How long a host that failed comes last.
AVOID_SECONDS = 30.0

NOT_READY = 1047
# Errors after which a connection is of no use, which SQLAlchemy does not know as such: a node that is cut off from
# its cluster (1047, and 1180 at a commit), which goes on accepting connections, and a server that ends.
LOST_MYSQL_ERRORS = frozenset({NOT_READY, 1053, 1180, 1927})


def hosts_in(url: URL) -> str | None:
    """Return the list of several hosts that config.py puts into `url`, None for one host."""
    found = url.query.get("hosts")
    return found if isinstance(found, str) else None


@dataclass(eq=False)
class Host:
    """A host, how often it has failed, and until when it comes last."""

    name: str
    port: int
    failures: int = 0
    avoided_until: float = 0.0

    def fail(self) -> None:
        self.failures += 1
        self.avoided_until = seconds_running() + AVOID_SECONDS


@dataclass
class Place:
    """Where a connection of the driver goes, and how often the host had failed when it was made."""

    host: Host
    failures: int


class Hosts:
    """The hosts of an engine, in the order in which they are wanted."""

    def __init__(self, listed: str) -> None:
        self.all = [Host(*split_host(each)) for each in listed.split(",")]
        self._places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()

    def in_turn(self) -> list[Host]:
        """Return the hosts as they are to be tried: as listed, those that failed lately last."""
        now = seconds_running()
        return sorted(self.all, key=lambda host: max(host.avoided_until - now, 0.0))

    def connect(self, arguments: dict[str, Any]) -> Any:
        """Return a connection to the first host that takes part in its cluster; raise the last one's error if none."""
        import pymysql  # here, and not above: a site on SQLite does without it

        problem: Exception | None = None
        for host in self.in_turn():
            failures = host.failures
            try:
                connection = _connected(host, arguments)
            except pymysql.err.MySQLError as error:
                host.fail()
                problem = error
            else:
                host.avoided_until = 0.0
                self._places[connection] = Place(host, failures)
                return connection
        assert problem is not None  # noqa: S101 - there is no empty list of hosts
        raise problem

    def failed(self, connection: Any) -> None:
        """Leave the host of `connection`: other connections that were made to it before are not used again."""
        place = self._places.get(connection)
        if place is not None and place.failures == place.host.failures:
            place.host.fail()

    def is_left(self, connection: Any) -> bool:
        """Say whether the host of `connection` failed after the connection was made."""
        place = self._places.get(connection)
        return place is not None and place.failures != place.host.failures


def _connected(host: Host, arguments: dict[str, Any]) -> Any:
    """Connect to a host and see that it is a node which takes part. Raises PyMySQL's errors."""
    import pymysql

    connection = pymysql.Connection(**{**arguments, "host": host.name, "port": host.port, "defer_connect": True})
    connection.connect(_greeted(host))
    try:
        with connection.cursor() as cursor:
            # It may be asked of a node that is cut off as well, as SELECT 1 may, which says nothing.
            cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
            if (cursor.fetchone() or ("", ""))[1] != "ON":
                raise pymysql.err.OperationalError(
                    NOT_READY, f"{host.name}:{host.port} takes no part in a Galera cluster now"
                )
    except BaseException:
        connection.close()
        raise
    return connection


def _greeted(host: Host) -> socket.socket:
    """Return a socket on which the host has begun to speak."""
    import pymysql

    found = None
    try:
        found = socket.create_connection((host.name, host.port), GREETING_SECONDS)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        found.recv(1, socket.MSG_PEEK)
    except OSError as error:
        if found is not None:
            found.close()
        said = f"Can't connect to MySQL server on '{host.name}:{host.port}' ({error})"
        raise pymysql.err.OperationalError(2003, said) from error
    return found


_HOSTS: WeakKeyDictionary[Engine, Hosts] = WeakKeyDictionary()


def use_hosts(engine: Engine) -> None:
    """Have a MySQL `engine` drop connections that are of no use, and connect to its hosts in turn if it has several."""
    event.listen(engine, "handle_error", _see_what_is_lost)
    listed = hosts_in(engine.url)
    if listed is None:
        return
    hosts = _HOSTS[engine] = Hosts(listed)
    event.listen(engine, "do_connect", _connecting(hosts))
    event.listen(engine, "checkout", _checking(hosts))


def _connecting(hosts: Hosts) -> Callable[..., Any]:
    def connect(_dialect: object, _record: object, _positional: object, arguments: dict[str, Any]) -> Any:
        return hosts.connect({name: value for name, value in arguments.items() if name != "hosts"})

    return connect


def _checking(hosts: Hosts) -> Callable[..., None]:
    def check(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        # What was made for this checkout is taken as it is: SQLAlchemy gives up after the second refusal in a row.
        if hosts.is_left(connection) and "was used" in record.info:
            raise DisconnectionError("the host has failed since")
        record.info["was used"] = True

    return check


def is_lost(engine: Engine, error: BaseException) -> bool:
    """Say whether a connection that gave this error of the driver is of no use any more."""
    reason = error.args[0] if error.args else None
    return reason in LOST_MYSQL_ERRORS or engine.dialect.is_disconnect(error, None, None)  # type: ignore[arg-type]


def note_lost(engine: Engine, connection: Any) -> None:
    """Leave the host of a connection of the driver that was lost, where there are others."""
    hosts = _HOSTS.get(engine)
    if hosts is not None:
        hosts.failed(connection)


def is_left(engine: Engine, connection: Any) -> bool:
    """Say whether the host of a connection of the driver failed after the connection was made."""
    hosts = _HOSTS.get(engine)
    return hosts is not None and hosts.is_left(connection)


def _see_what_is_lost(context: ExceptionContext) -> None:
    if context.engine is None or not is_lost(context.engine, context.original_exception):
        return
    context.is_disconnect = True
    if context.connection is not None and not context.connection.invalidated:
        note_lost(context.engine, context.connection.connection.dbapi_connection)
