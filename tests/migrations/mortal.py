"""Runs `db` commands in processes that kill themselves at a chosen moment.

`python -m tests.migrations.mortal` reads lines of JSON, [moment, command, arguments...], and answers
each with one line of JSON, [exit status, what came next]. Each command runs in a process of its own,
forked from this one, which has everything imported. The moments of a command are counted from 1:
right before and right after each statement that changes something, before each commit and after it; a process that is
killed around one that only looks leaves what it left before. At its moment the process sends itself SIGKILL; with the
moment 0 it lives.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
from importlib import import_module
from typing import Any, BinaryIO

from click import Context
from flask import Flask
from sqlalchemy import Engine, event

from commentsite import create_app

LOOKS = re.compile(r"\s*(SELECT|SHOW|DESCRIBE|EXPLAIN|PRAGMA \w+(\([^)]*\))?\s*$)", re.IGNORECASE)


class Fate:
    """Counts moments, and kills this process at the one it is given."""

    def __init__(self, moment: int, last_words: BinaryIO) -> None:
        self.left = moment
        self.has_committed = False
        self.last_words = last_words
        event.listen(
            Engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: self.pass_by("before", statement)
        )
        event.listen(
            Engine, "after_cursor_execute", lambda _c, _cursor, statement, *_: self.pass_by("after", statement)
        )
        event.listen(Engine, "commit", lambda _: self.pass_by("before", "COMMIT"))

    def pass_by(self, side: str, statement: str) -> None:
        if LOOKS.match(statement) and not self.has_committed:
            return
        self.has_committed = statement == "COMMIT"
        self.left -= 1
        if self.left == 0:
            self.last_words.write(f"{side} {' '.join(statement.split())[:100]}".encode())
            self.last_words.flush()
            os.kill(os.getpid(), signal.SIGKILL)


def run(app: Flask, moment: int, arguments: list[str], output: BinaryIO) -> int:
    """Run `flask db` with `arguments` and return its exit status, unless `moment` comes."""
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    Fate(moment, output)
    try:
        app.cli.main(args=["db", *arguments], obj=None, standalone_mode=True)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def answer(app: Flask, moment: int, arguments: list[str]) -> tuple[int, str]:
    """Fork, run, and return the exit status, negative for a signal, and what the process said."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            status = 99
            try:
                status = run(app, moment, arguments, output)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(ended), output.read().decode()


def main() -> None:
    app = create_app()  # it connects to nothing before it is asked
    for name in (
        "alembic.command",
        "flask_migrate",
        "pymysql",
        "sqlalchemy.dialects.mysql.pymysql",
        "commentsite.guard",
    ):
        import_module(name)  # once, and not in every process
    app.cli.list_commands(Context(app.cli))
    for line in sys.stdin:
        request: list[Any] = json.loads(line)
        print(json.dumps(answer(app, request[0], request[1:])), flush=True)  # noqa: T201 - it is what this program is for


if __name__ == "__main__":
    main()
