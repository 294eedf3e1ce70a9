"""Connections to MySQL that wait in the pool: the server is not asked what is known without it.

SQLAlchemy's own `pool_pre_ping` and rollback are two trips to the server each time a connection is used, where a post
takes four.
"""

from __future__ import annotations

import select
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, PoolResetState

from .clock import seconds_running

# How long a connection is taken to be there that nobody has closed: the way to the server may be cut without a word.
PING_SECONDS = 5.0

IDLE_SINCE, COMMITTED = "idle since", "committed"


def note_committed(connection: PoolProxiedConnection) -> None:
    """Say that nothing was done on a connection of the pool since its last commit, so nothing is to be rolled back."""
    connection.info[COMMITTED] = True


def end_transactions(engine: Engine) -> None:
    """Roll back what was not committed on a connection that is given back. Goes with `pool_reset_on_return=None`."""
    event.listen(engine, "reset", _roll_back)


def ask_the_idle(engine: Engine) -> None:
    """Ping a connection before it is used again if it was idle for some time, or closed by the server meanwhile."""

    def check(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        idle_since = record.info.get(IDLE_SINCE)
        if idle_since is None:  # it was made just now
            return
        if seconds_running() - idle_since < PING_SECONDS and _is_quiet(connection):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkout", check)
    event.listen(engine, "checkin", _note_idle)


def _roll_back(connection: Any, record: ConnectionPoolEntry | None, state: PoolResetState) -> None:
    is_committed = record is not None and record.info.pop(COMMITTED, False)
    if not (is_committed or state.transaction_was_reset):
        connection.rollback()


def _note_idle(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[IDLE_SINCE] = seconds_running()


def _is_quiet(connection: Any) -> bool:
    """Say whether the server has sent nothing, as it does, or the system for it, when it closes a connection."""
    # PyMySQL gives its socket to nobody. Where it is not found, it is closed or has a number that `select` does not
    # take, the server is asked.
    try:
        return not select.select([connection._sock], [], [], 0)[0]
    except (AttributeError, OSError, TypeError, ValueError):
        return False
