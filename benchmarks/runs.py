"""What the tables of one run share: its sizes, its clients, and its databases, filled when first needed."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL

from .data import Databases, DataSet, fill, fill_tutorial, is_sqlite, many_texts, plain
from .load import Answer, Clients, Connection, Posts, Target, get, request
from .servers import Server, Servers

FEW = 100
DATABASE_NAMES = {"sqlite": "SQLite", "mysql": "MariaDB"}
COMMENT_ID = re.compile(rb'<article id="comment-(\d+)"')


@dataclass
class Run:
    """One run of the benchmark: `many` comments beside FEW, so many rounds of so many seconds."""

    folder: Path
    databases: Databases
    clients: Clients
    many: int
    middle: int
    warm_ups: int
    rounds: int
    seconds: float
    database_kinds: tuple[str, ...]
    server_kinds: tuple[str, ...]
    with_isso: bool
    _sites: dict[tuple[str, int], DataSet] = field(default_factory=dict)
    _tutorials: dict[str, URL] = field(default_factory=dict)

    def numbers(self) -> range:
        """Return the numbers of the rounds; those below 0 warm up and are not counted."""
        return range(-self.warm_ups, self.rounds)

    def servers(self) -> Servers:
        return Servers(self.folder)

    def site(self, kind: str, size: int) -> DataSet:
        """Return the site's database of a kind and size."""
        if (kind, size) not in self._sites:
            begin = time.monotonic()
            self._sites[kind, size] = fill(self.databases.empty(kind, f"site_{size}"), size)
            say(f"filled {DATABASE_NAMES[kind]} with 3 x {size:,} comments in {time.monotonic() - begin:.0f} s")
        return self._sites[kind, size]

    def tutorial(self, kind: str) -> URL:
        """Return the address of the tutorial's database, with FEW comments when it is made."""
        if kind not in self._tutorials:
            self._tutorials[kind] = self.databases.empty(kind, "tutorial")
            fill_tutorial(self._tutorials[kind], FEW)
        return self._tutorials[kind]

    def start_tutorial(self, servers: Servers, server_kind: str, kind: str) -> Server:
        url = self.tutorial(kind)
        # Its readers give MySQL's address with the character set, and nothing else.
        given = url if is_sqlite(url) else url.update_query_dict({"charset": "utf8mb4"})
        return servers.app(server_kind, "tutorial", TUTORIAL_DATABASE_URL=plain(given))


def say(message: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)


def posts(field: str, every: int) -> Posts:
    """Return posts of our texts in the field of a form."""
    return Posts(every, field, many_texts())


def target(server: Server, path: str, headers: Mapping[str, str] | None = None, status: int = 200) -> Target:
    """Ask once and return the target of answers like this one. Raises AssertionError for another status."""
    connection = Connection(server.port)
    answer = connection.ask(request("GET", path, headers))
    connection.close()
    if answer.status != status:
        raise AssertionError(f"{path}: {answer.status} instead of {status}")
    return Target(server.port, path, headers or {}, answer)


def page(server: Server, path: str, ids: Iterable[int], **headers: str) -> Target:
    """Return the target of a page that shows the comments `ids`. Raises AssertionError where it does not."""
    check_ids(path, get(server.port, path).body, ids)
    return target(server, path, {name.replace("_", "-"): value for name, value in headers.items()})


def unchanged(server: Server, path: str) -> Target:
    """Return the target of a page that the client holds already."""
    tag = tag_of(get(server.port, path))
    return target(server, path, {"If-None-Match": tag}, 304)


def tag_of(answer: Answer) -> str:
    tag = answer.header("ETag")
    if tag is None:
        raise AssertionError("the page has no ETag")
    return tag


def check_ids(path: str, body: bytes, ids: Iterable[int]) -> None:
    """Raise AssertionError unless the page shows the comments `ids`, in this order."""
    shown, wanted = [int(each) for each in COMMENT_ID.findall(body)], list(ids)
    if shown != wanted:
        raise AssertionError(f"{path} shows {shown[:3]}... ({len(shown)}), not {wanted[:3]}... ({len(wanted)})")
