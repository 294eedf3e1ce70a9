"""Tables of reads: the page of 50 as it comes from the database, warm, and unchanged, beside hello and the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

from commentsite.keyset import PAGE_SIZE

from .isso import start_isso
from .load import Target, rate
from .runs import DATABASE_NAMES, FEW, Run, page, say, target, unchanged
from .servers import Server, Servers
from .tables import Goal, Row, Table, at_least, at_most

HELLO, TUTORIAL, ISSO = "Flask hello", f"the tutorial's page of {FEW}", "Isso's"
# Nothing cached, warm, unchanged: over hello in the same round.
GOALS = {"sqlite": (0.5, 1.0, 1.2), "mysql": (0.3, 0.8, 0.8)}
TUTORIAL_GOAL, ISSO_GOAL, MEMORY_GOAL = 5, 150, 1.1


@dataclass(frozen=True)
class Subject:
    """What is asked for, what it is measured beside, and what the ratio is to be."""

    name: str
    target: Target
    beside: str = ""
    goal: Goal | None = None


def reads(run: Run) -> Iterator[Table]:
    """Measure pages on every kind of server, and what its workers then take of the memory."""
    for kind in run.server_kinds:
        yield from _on(run, kind)


def _on(run: Run, kind: str) -> list[Table]:
    with run.servers() as servers:
        hello = servers.app(kind, "hello")
        tutorial = run.start_tutorial(servers, kind, "sqlite") if "sqlite" in run.database_kinds else None
        subjects = [Subject(HELLO, target(hello.wait(), "/"))]
        watched: dict[str, Server] = {}
        if tutorial:
            subjects.append(Subject(TUTORIAL, target(tutorial.wait(), "/")))
            watched["tutorial"] = tutorial
        for database in run.database_kinds:
            subjects += _of_many(run, servers, kind, database, watched)
        if tutorial:
            subjects += _of_few(run, servers, kind)
        if run.with_isso and kind == "gunicorn" and "sqlite" in run.database_kinds:
            subjects += _beside_isso(run, servers)
        say(f"reads from {kind}: {len(subjects)} kinds of request, {run.rounds} rounds of {run.seconds:g} s")
        rates, memory = _measured(run, subjects, watched)
    rows = [Row(each.name, rates[each.name], rates.get(each.beside, ()), each.goal) for each in subjects]
    tables = [Table(f"Reads from {kind}, a second", rows)]
    if tutorial:
        goal = at_most(MEMORY_GOAL) if kind == "gunicorn" else None
        of_site = Row(
            f"the site's at {run.many:,}, beside the tutorial's at {FEW}", memory["site"], memory["tutorial"], goal
        )
        tables.append(Table(f"Memory (PSS) of {kind}'s workers after reads, MB", [of_site]))
    return tables


def _of_many(run: Run, servers: Servers, kind: str, database: str, watched: dict[str, Server]) -> list[Subject]:
    data, name = run.site(database, run.many), f"{PAGE_SIZE} of {run.many:,}, {DATABASE_NAMES[database]}"
    uncached, warm = servers.site(kind, data, is_cached=False), servers.site(kind, data)
    if database == "sqlite":
        watched["site"] = warm
    ids = range(run.many, run.many - PAGE_SIZE, -1)
    goals = [at_least(bound) for bound in GOALS[database]]
    subjects = [
        Subject(f"{name}, nothing cached", page(uncached.wait(), "/", ids), HELLO, goals[0]),
        Subject(f"{name}, warm", page(warm.wait(), "/", ids), HELLO, goals[1]),
        Subject(f"{name}, 304", unchanged(warm, "/"), HELLO, goals[2]),
    ]
    compressed = page(warm, "/", ids, Accept_Encoding="gzip")
    if compressed.expected and compressed.expected.header("Content-Encoding"):
        subjects.append(Subject(f"{name}, warm, gzip", compressed, HELLO, goals[1]))
    return subjects


def _of_few(run: Run, servers: Servers, kind: str) -> list[Subject]:
    data, ids = run.site("sqlite", FEW), range(FEW, FEW - PAGE_SIZE, -1)
    uncached, warm = servers.site(kind, data, is_cached=False), servers.site(kind, data)
    name = f"{PAGE_SIZE} of {FEW}, SQLite"
    return [
        Subject(f"{name}, nothing cached, beside {TUTORIAL}", page(uncached.wait(), "/", ids), TUTORIAL),
        Subject(f"{name}, warm, beside {TUTORIAL}", page(warm.wait(), "/", ids), TUTORIAL, at_least(TUTORIAL_GOAL)),
    ]


def _beside_isso(run: Run, servers: Servers) -> list[Subject]:
    isso = start_isso(run.folder, servers, run.middle)
    if isso is None:
        return []
    data, ids = run.site("sqlite", run.middle), range(run.middle, run.middle - PAGE_SIZE, -1)
    uncached, warm = servers.site("gunicorn", data, is_cached=False), servers.site("gunicorn", data)
    name = f"{PAGE_SIZE} of {run.middle:,}, SQLite"
    return [
        Subject(ISSO, isso),
        Subject(f"{name}, nothing cached, beside {ISSO}", page(uncached.wait(), "/", ids), ISSO),
        Subject(f"{name}, warm, beside {ISSO}", page(warm.wait(), "/", ids), ISSO, at_least(ISSO_GOAL)),
    ]


def _measured(
    run: Run, subjects: list[Subject], watched: dict[str, Server]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return of every subject its rate in each round, and of what is watched its memory after each, in MB."""
    rates: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    memory: dict[str, list[float]] = {name: [] for name in watched}
    for round_ in run.numbers():
        # In turns of a second, so that what else the machine does in a round falls on all of them alike.
        turns = max(1, round(run.seconds))
        turned = [[rate(each.target, run.seconds / turns, run.clients) for each in subjects] for _ in range(turns)]
        for subject, measured in zip(subjects, zip(*turned, strict=True), strict=True) if round_ >= 0 else ():
            rates[subject.name].append(mean(measured))
        for name, server in watched.items() if round_ >= 0 else ():
            memory[name].append(server.memory_bytes() / 1e6)
    return rates, memory
