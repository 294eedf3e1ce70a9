"""Tables of writes: posts by all clients at once, and posts among reads, beside the tutorial's app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.engine import URL

from tests.databases import open_engine, run_sql

from .load import CLIENTS, Tally, Target, post
from .runs import DATABASE_NAMES, FEW, Run, posts, say
from .servers import Server
from .tables import Row, Table, at_least, at_most

RATE_GOALS = {"sqlite": 3, "mysql": 1.5}
P99_GOAL, MEMORY_GOAL = 1, 1.1
MIXED_EVERY = 20  # requests, of which one is a post: 95 reads to 5 posts


@dataclass
class Subject:
    """An app that takes posts in a field of its form, where it keeps them, and what came of each round."""

    server: Server
    url: URL
    form_field: str
    highest: int
    tallies: list[Tally] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def rates(self) -> list[float]:
        """Return the good answers a second of each round."""
        return [each.rate for each in self.tallies]

    def milliseconds(self, percent: int) -> list[float]:
        """Return the time that so many in a hundred posts of each round did not exceed."""
        ordered = [sorted(each.posts) for each in self.tallies]
        return [times[min(len(times) - 1, len(times) * percent // 100)] * 1000 for times in ordered]

    def failure_count(self) -> int:
        return sum(len(tally.failures) for tally in self.tallies)


def writes(run: Run) -> Iterator[Table]:
    """Measure posts alone and posts among reads, by as many clients as the servers have threads."""
    for kind in run.server_kinds:
        for database in run.database_kinds:
            yield from _on(run, kind, database)


def _on(run: Run, kind: str, database: str) -> Iterator[Table]:
    data, tutorial_url = run.site(database, run.many), run.tutorial(database)
    with run.servers() as servers:
        site, tutorial = servers.site(kind, data).wait(), run.start_tutorial(servers, kind, database).wait()
        both = [(site, data.url, "content"), (tutorial, tutorial_url, "contents")]
        for what, every, rows in (
            (f"Posts by {CLIENTS} clients", 1, _posting_rows),
            ("95 reads to 5 posts", MIXED_EVERY, _mixed_rows),
        ):
            table = Table(f"{what}, {kind}, {DATABASE_NAMES[database]}, {run.many:,} comments")
            say(table.title)
            subjects = [Subject(server, url, name, _highest_id(url)) for server, url, name in both]
            _measure(run, table, subjects, every)
            table.rows = rows(kind, database, *subjects)
            yield table


def _measure(run: Run, table: Table, subjects: list[Subject], every: int) -> None:
    """Run the rounds, and note in `table` what was acknowledged and is not stored."""
    for round_ in run.numbers():
        for subject in subjects:
            target = Target(subject.server.port, "/")
            tally = post(target, run.seconds, posts(subject.form_field, every), run.clients)
            check_stored(table, subject.url, subject.highest, tally)
            if round_ >= 0:
                subject.tallies.append(tally)
                subject.memory.append(subject.server.memory_bytes() / 1e6)
        # The tutorial's page shows all there are, so that each round begins with as many.
        run_sql(subjects[-1].url, f"DELETE FROM comments WHERE id > {subjects[-1].highest}")


def _posting_rows(kind: str, database: str, site: Subject, tutorial: Subject) -> list[Row]:
    is_judged = kind == "gunicorn"
    return [
        Row(
            f"posts a second, beside the tutorial's at {FEW}",
            site.rates(),
            tutorial.rates(),
            at_least(RATE_GOALS[database]) if is_judged else None,
        ),
        Row("half of the posts, ms", site.milliseconds(50), tutorial.milliseconds(50)),
        Row(
            "99 of 100 posts, ms",
            site.milliseconds(99),
            tutorial.milliseconds(99),
            at_most(P99_GOAL) if is_judged else None,
        ),
        *_failure_rows(site, tutorial),
    ]


def _mixed_rows(kind: str, database: str, site: Subject, tutorial: Subject) -> list[Row]:
    goal = at_most(MEMORY_GOAL) if kind == "gunicorn" and database == "sqlite" else None
    return [
        Row(f"requests a second, beside the tutorial's from {FEW} on", site.rates(), tutorial.rates()),
        Row("99 of 100 posts, ms", site.milliseconds(99), tutorial.milliseconds(99)),
        *_failure_rows(site, tutorial),
        Row("memory (PSS) of the workers afterwards, MB", site.memory, tutorial.memory, goal),
    ]


def _failure_rows(site: Subject, tutorial: Subject) -> list[Row]:
    return [
        Row("requests that failed", [site.failure_count()], goal=at_most(0)),
        Row("the tutorial's requests that failed", [tutorial.failure_count()]),
    ]


def _highest_id(url: URL) -> int:
    return int(str(_select(url, "SELECT MAX(id) FROM comments")[0]))


def check_stored(table: Table, url: URL, highest: int, tally: Tally) -> None:
    """Note in `table` how many posts were acknowledged and are not stored above the id `highest`, or stored twice."""
    stored = _select(url, f"SELECT content FROM comments WHERE id > {highest}")
    missing = set(tally.acknowledged) - set(stored)
    if missing:
        table.problems.append(f"{len(missing)} acknowledged posts are not in {url.get_backend_name()}")
    if len(stored) != len(set(stored)):
        table.problems.append(f"{len(stored) - len(set(stored))} posts were stored twice")


def _select(url: URL, statement: str) -> list[object]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [row[0] for row in connection.execute(text(statement))]
    engine.dispose()
    return found
